"""Serving an app that stands in for the world outside: all alike, on the address that the command line names.

What else its command line says is each app's own. Requests are not logged, and no answer names the server.
"""

import argparse

import uvicorn
from starlette.types import ASGIApp


def address_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Understands `--host` and `--port`; the app adds its own."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on, for HTTP")
    return parser


def serve(app: ASGIApp, *, host: str, port: int, patience_seconds: int = 2) -> None:
    """Until a signal; what is being answered then has that long to finish."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=patience_seconds,
    )
