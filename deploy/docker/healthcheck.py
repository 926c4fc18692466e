"""`healthcheck.py PORT`: exits 0 if the service in this container answers `/ping`.

It names the platform's public host, for in production the gateway answers to no other.
"""

import http.client
import os
import sys
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 3.0


def main(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/ping", headers={"Host": host(os.environ.get("PUBLIC_URL", ""))})
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


def host(public_url: str) -> str:
    """What a `Host` header says to reach that address."""
    return urlsplit(public_url).netloc or "localhost"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
