"""The mailbox in a browser. Whatever came by mail is escaped; its HTML stands in a frame that may do nothing."""

import html
from collections.abc import Sequence

from starlette.responses import HTMLResponse, Response

from deploy.local.mail_catcher.store import Kept

STYLE_PATH = "/page.css"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; padding: .4rem .6rem; border-top: 1px solid #8888; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8888; }
iframe { width: 100%; height: 40rem; border: 1px solid #8888; background: #fff; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
"""

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


def mailbox(mails: Sequence[Kept]) -> Response:
    """The list, newest first."""
    rows = "".join(_row(mail) for mail in mails)
    table = f"<table><thead><tr><th>To<th>Subject<th>At</tr></thead><tbody>{rows}</tbody></table>"
    return _page("Mailbox", f"<h1>Mailbox</h1>{table if mails else '<p>No mail yet.</p>'}")


def one(mail: Kept) -> Response:
    """One mail: its text, and its HTML in a frame."""
    frame = (
        f'<h2>As HTML</h2><iframe sandbox="" title="The mail as HTML" src="/html/mail_{mail.number}"></iframe>'
        if mail.html is not None
        else ""
    )
    body = (
        f'<p><a href="/">Mailbox</a></p><h1>{_esc(mail.subject) or "(no subject)"}</h1>'
        f"<p>To {_esc(mail.recipient)}, from {_esc(mail.sender)}, at {_esc(mail.sent_at)}</p>"
        f"<pre>{_esc(mail.text)}</pre>{frame}"
    )
    return _page(mail.subject or "(no subject)", body)


def mail_html(mail: Kept) -> Response:
    """A mail's HTML itself, which the answer's own policy keeps from running anything."""
    return HTMLResponse(mail.html or "", headers=_headers(_MAIL_POLICY))


def stylesheet() -> Response:
    return Response(STYLE, media_type="text/css", headers=_headers(_PAGE_POLICY))


def not_found() -> Response:
    return _page("Not here", '<h1>There is no such mail.</h1><p><a href="/">Mailbox</a></p>', status=404)


def _row(mail: Kept) -> str:
    link = f'<a href="/read/mail_{mail.number}">{_esc(mail.subject) or "(no subject)"}</a>'
    return f"<tr><td>{_esc(mail.recipient)}<td>{link}<td>{_esc(mail.sent_at)}</tr>"


def _page(title: str, body: str, status: int = 200) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{_esc(title)}</title><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        f"<body><main>{body}</main></body></html>"
    )
    return HTMLResponse(text, status, headers=_headers(_PAGE_POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _esc(text: str) -> str:
    return html.escape(text, quote=True)
