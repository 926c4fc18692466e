"""`python -m deploy.local.mail_catcher --host 127.0.0.1 --port N --smtp-port M [--data FILE]`"""

import argparse
import logging
from pathlib import Path

import uvicorn

from deploy.local.mail_catcher.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mail_catcher", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="HTTP")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--data", type=Path, help="keep the mails in this file; without it they are lost at the end")
    options = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    uvicorn.run(
        create_app(host=options.host, smtp_port=options.smtp_port, data=options.data),
        host=options.host,
        port=options.port,
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
