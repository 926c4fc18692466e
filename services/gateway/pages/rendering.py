"""Templates and the headers of every page: nothing from elsewhere, no script, no frame, no memory (V3)."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

_HERE = Path(__file__).parent
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        " form-action {to}"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def page(template: str, *, status: int = 200, form_action: str = "'self'", **values: object) -> Response:
    """A page. `form_action` is the CSP's: browsers apply it to where a form's answer redirects, too."""
    headers = {name: value.replace("{to}", form_action) for name, value in _HEADERS.items()}
    return HTMLResponse(_environment().get_template(template).render(**values), status, headers)


@cache
def stylesheet() -> str:
    return (_HERE / "static" / "plain.css").read_text()
