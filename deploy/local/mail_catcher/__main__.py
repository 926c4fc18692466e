"""`python -m deploy.local.mail_catcher --host 127.0.0.1 --port N --smtp-port M [--data FILE]`"""

import logging
from pathlib import Path

from deploy.local.mail_catcher.app import create_app
from deploy.serving import address_parser, serve


def main() -> None:
    parser = address_parser("deploy.local.mail_catcher", __doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--data", type=Path, help="keep the mails in this file; without it they are lost at the end")
    options = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    app = create_app(host=options.host, smtp_port=options.smtp_port, data=options.data)
    serve(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
