"""A program that asks for its license where there is no network, and goes on or doesn't.

    python verify_offline.py FOLDER

FOLDER holds `public-keys.json` (got once from GET /api/v1/licenses/public-keys and shipped with the program) and
`license.txt` (got by the customer). `audience`, `server_id` and `fingerprint` are what the file was asked for with.
"""

import os
import sys
from pathlib import Path

from tollgate_client import Code, HighWaterFile, check, load_public_keys


def main() -> int:
    folder = Path(sys.argv[1])
    fingerprint = os.environ.get("MACHINE_FINGERPRINT", "9f86d081884c7d65")
    verdict = check(
        (folder / "license.txt").read_text(),
        # The secret is the program's own: it keeps the curious from editing the mark, not its owner from patching.
        store=HighWaterFile(folder / "state" / "high-water", seal_key=b"your program's secret" + fingerprint.encode()),
        public_keys=load_public_keys(folder / "public-keys.json"),
        audience=os.environ.get("AUDIENCE", "https://tollgate.example"),
        server_id=os.environ.get("SERVER_ID", "web-1"),
        fingerprint=fingerprint,
        entitlements=["export"],
    )
    print(f"{verdict.code}: {verdict.detail}")
    if verdict.code == Code.GRACE:
        print("Tell an administrator: the license is to be renewed.")
    return 0 if verdict.valid else 1


if __name__ == "__main__":
    sys.exit(main())
