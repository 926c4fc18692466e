"""`python -m deploy.stripe_sandbox --port N --data FILE --webhook-url URL --webhook-secret whsec_...`"""

import logging
import sys

import uvicorn

from deploy.stripe_sandbox.app import create_app
from deploy.stripe_sandbox.settings import read_settings


def main() -> None:
    settings = read_settings(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
