"""`python -m deploy.local.demo_upstream --host 127.0.0.1 --port N`"""

from deploy.local.demo_upstream.app import create_app
from deploy.serving import address_parser, serve


def main() -> None:
    options = address_parser("deploy.local.demo_upstream", __doc__).parse_args()
    serve(create_app(), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
