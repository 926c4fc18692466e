"""`python -m deploy.stripe_sandbox --port N --data FILE --webhook-url URL --webhook-secret whsec_...`"""

import logging
import sys

from deploy.serving import serve
from deploy.stripe_sandbox.app import create_app
from deploy.stripe_sandbox.settings import read_settings


def main() -> None:
    settings = read_settings(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    serve(create_app(settings), host=settings.host, port=settings.port, patience_seconds=3)


if __name__ == "__main__":
    main()
