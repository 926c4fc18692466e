"""python3 verify_proof.py PROOF.json: does the proof of an entry hold? `-` reads standard input. Python 3.11 or later.

The proof is what GET /api/v1/credits/transactions/{id}/proof answers. Ends with 0 if it holds, with 1 if it is broken.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from struct import pack

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ADDING = ("purchase", "grant", "reversal", "refund_undone", "dispute_won")


def bits(name):  # the 128 bits of an id such as txn_01J...
    digits = [CROCKFORD.index(letter) << 5 * place for place, letter in enumerate(reversed(name[-26:]))]
    return sum(digits).to_bytes(16, "big")


def leaf(entry):  # SHA-256 of 0x00 and eleven fields, each as type, length (-1: null) and value
    since = datetime.fromisoformat(entry["created_at"]) - datetime(2000, 1, 1, tzinfo=UTC)
    amount = entry["credits"] if entry["type"] in ADDING else -entry["credits"]
    numbers = [amount * 1000, entry["balance_after"] * 1000, entry["position"]]
    if any(number != int(number) for number in numbers):
        sys.exit("BROKEN: credits have three decimals")
    reference = None if entry["reference"] == entry["request_id"] else entry["reference"]
    fields = [(25, entry["account_id"].encode()), (2950, bits(entry["id"])), (25, entry["type"].encode())]
    fields += [(20, pack(">q", int(number))) for number in numbers]
    fields += [(2950, entry[name] and bits(entry[name])) for name in ("refers_to", "request_id")]
    fields += [(25, text if text is None else text.encode()) for text in (reference, entry["description"])]
    fields += [(1184, pack(">q", since // timedelta(microseconds=1)))]
    parts = [pack(">ii", kind, -1 if value is None else len(value)) + (value or b"") for kind, value in fields]
    return sha256(b"\0" + pack(">i", len(fields)) + b"".join(parts)).digest()


proof = json.loads(sys.stdin.read() if sys.argv[1] == "-" else Path(sys.argv[1]).read_text(), parse_float=Decimal)
node, checkpoint = leaf(proof["entry"]), proof["checkpoint"]
for step in proof["path"]:  # an inner node is SHA-256 of 0x01 and both children
    other = bytes.fromhex(step["hash"])
    node = sha256(b"\1" + (other + node if step["side"] == "left" else node + other)).digest()
if node.hex() != proof["root"]:
    sys.exit("BROKEN: the entry does not lead to the root")
if checkpoint and not (checkpoint["root"] == proof["root"] and f"\nroot: {proof['root']}\n" in checkpoint["statement"]):
    sys.exit("BROKEN: the checkpoint is of another root")
print(f"The proof holds: {proof['entry']['id']} lies under the root {proof['root']}.")
print("Its checkpoint's signature is for verify_checkpoint.py." if checkpoint else "No checkpoint has signed it yet.")
