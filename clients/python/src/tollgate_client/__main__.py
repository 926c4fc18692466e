"""`tollgate-license verify FILE --keys KEYS.json ...` (or `python -m tollgate_client`): is a license file good here?
Without network.

Ends with 0 where it is (also in its grace), with 1 where it isn't, with 2 where it couldn't be looked at. The first
word that is printed is the verdict's code; `--json` prints all of it.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tollgate_client.connection import VERSION
from tollgate_client.high_water_file import HighWaterFile
from tollgate_client.public_keys import load_public_keys
from tollgate_client.verdict import Verdict
from tollgate_client.verification import check, verify

_NAME = "tollgate-license"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the status that the process is to end with."""
    asked = _parser().parse_args(arguments)
    try:
        verdict = _verdict(asked)
    except (OSError, ValueError) as error:
        print(f"{_NAME}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(_document(verdict)) if asked.json else f"{verdict.code}: {verdict.detail}")
    return 0 if verdict.valid else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_NAME, description="Check license files without network.")
    parser.add_argument("--version", action="version", version=f"{_NAME} {VERSION}")
    command = parser.add_subparsers(dest="command", required=True).add_parser("verify", help="is a license file good?")
    command.add_argument("file", help="the license file; - reads standard input")
    command.add_argument("--keys", required=True, help="JSON with the pinned public keys")
    command.add_argument("--audience", required=True, help="whose software it must be for")
    command.add_argument("--server", required=True, help="this server's id")
    command.add_argument("--fingerprint", help="this machine's fingerprint")
    command.add_argument("--entitlement", action="append", default=[], help="what it must include; may be repeated")
    command.add_argument("--store", help="where to keep the sealed high-water mark; with --store-key")
    command.add_argument("--store-key", help="a file with the seal's key, 16 bytes or more")
    command.add_argument("--at", type=_instant, help="judge for this time (RFC 3339) instead of now")
    command.add_argument("--json", action="store_true", help="print the whole verdict as JSON")
    return parser


def _verdict(asked: argparse.Namespace) -> Verdict:
    if (asked.store is None) != (asked.store_key is None):
        raise ValueError("--store and --store-key go together")
    data = sys.stdin.buffer.read() if asked.file == "-" else Path(asked.file).read_bytes()
    text, now = data.decode("ascii", errors="replace"), asked.at or datetime.now(UTC)
    terms: dict[str, Any] = {
        "public_keys": load_public_keys(asked.keys),
        "now": now,
        "audience": asked.audience,
        "server_id": asked.server,
        "fingerprint": asked.fingerprint,
        "entitlements": asked.entitlement,
    }
    if asked.store is None:
        return verify(text, **terms)
    return check(text, store=HighWaterFile(asked.store, seal_key=Path(asked.store_key).read_bytes()), **terms)


def _document(verdict: Verdict) -> dict[str, object]:
    claims = verdict.claims
    told: dict[str, object] = {"valid": verdict.valid, "code": verdict.code, "detail": verdict.detail, "claims": None}
    if claims is not None:
        told["claims"] = {
            "license_id": claims.license_id,
            "server_id": claims.server_id,
            "audience": claims.audience,
            "entitlements": sorted(claims.entitlements),
            "issued_at": claims.issued_at.isoformat(),
            "expires_at": claims.expires_at.isoformat(),
            "ends_at": claims.ends_at.isoformat(),
            "sequence": claims.sequence,
        }
    return told


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time as RFC 3339 has it") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} needs its offset, or Z")
    return at


if __name__ == "__main__":
    sys.exit(main())
