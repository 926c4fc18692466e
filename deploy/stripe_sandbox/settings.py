"""What the command line says. Nothing is read from the environment."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.serving import address_parser


@dataclass(frozen=True)
class Settings:
    """`webhook_url` empty: events are kept and listed, but go nowhere. `webhook_secret` is one or several with
    commas between. `public_url` has no slash at its end."""

    data_file: Path
    public_url: str
    webhook_url: str = ""
    webhook_secret: str = ""
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Events are signed with each: a receiver may know the old one or the new one."""
        return tuple(secret for each in self.webhook_secret.split(",") if (secret := each.strip()))

    def __repr__(self) -> str:
        shown = f"data_file={self.data_file}, public_url={self.public_url}, webhook_url={self.webhook_url}"
        return f"Settings({shown})"


def read_settings(arguments: list[str]) -> Settings:
    """The settings, or an explanation on stderr and exit code 2."""
    parser = address_parser("deploy.stripe_sandbox", "A stand-in for Stripe on loopback. No real money.")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="SQLite file, made if it is absent")
    parser.add_argument("--webhook-url", default="", metavar="URL", help="where events are sent; empty: nowhere")
    parser.add_argument(
        "--webhook-secret", default="", metavar="whsec_...[,whsec_...]", help="what events are signed with"
    )
    parser.add_argument(
        "--public-url", default="", metavar="URL", help="how browsers reach it (default: host and port)"
    )
    given = parser.parse_args(arguments)
    if given.webhook_url and not _is_http(given.webhook_url):
        parser.error("--webhook-url must be an http or https address")
    if given.webhook_url and not all(each.strip().startswith("whsec_") for each in given.webhook_secret.split(",")):
        parser.error("--webhook-secret must begin with whsec_ (each, between commas) when there is a --webhook-url")
    if given.public_url and not _is_http(given.public_url):
        parser.error("--public-url must be an http or https address")
    return Settings(
        data_file=given.data,
        public_url=(given.public_url or f"http://{given.host}:{given.port}").rstrip("/"),
        webhook_url=given.webhook_url,
        webhook_secret=given.webhook_secret,
        host=given.host,
        port=given.port,
    )


def _is_http(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
