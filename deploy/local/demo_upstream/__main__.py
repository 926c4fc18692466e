"""`python -m deploy.local.demo_upstream --host 127.0.0.1 --port N`"""

import argparse

import uvicorn

from deploy.local.demo_upstream.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo_upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        create_app(),
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
