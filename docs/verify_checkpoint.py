"""python3 verify_checkpoint.py PROOF.json KEYS.json: did the platform sign the proof's checkpoint? (Ed25519, RFC 8032)

KEYS.json is what GET /api/v1/ledger/public-keys answered, best at some earlier time. OpenSSL can tell it too; see
docs/proofs.md. Nothing here is secret, so it may be slow and need not hide its timing.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha512
from pathlib import Path

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_ONE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)


def point(encoded):
    y, is_odd = int.from_bytes(encoded, "little") % 2**255, encoded[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P != 0 or y >= P:
        raise ValueError("no point of the curve")
    return (x if x % 2 == is_odd else P - x), y


def plus(a, b):
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P) % P
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P


def times(number, a):
    if number == 0:
        return 0, 1
    half = times(number // 2, plus(a, a))
    return plus(half, a) if number % 2 else half


def is_signed(key, signature, text):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    digest = int.from_bytes(sha512(r + key + text).digest(), "little") % ORDER
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    return s < ORDER and times(s, base) == plus(point(r), times(digest, point(key)))


proof, keys = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
checkpoint = proof["checkpoint"] or sys.exit("there is no checkpoint over this entry yet")
known = {key["kid"]: b64decode(key["public_key"]) for key in keys["data"]}
if checkpoint["kid"] not in known:
    sys.exit(f"BROKEN: the key {checkpoint['kid']} is unknown")
if not is_signed(known[checkpoint["kid"]], b64decode(checkpoint["signature"]), checkpoint["statement"].encode()):
    sys.exit("BROKEN: the signature is not of this statement")
print(f"The checkpoint is signed by {checkpoint['kid']}:\n{checkpoint['statement']}", end="")
