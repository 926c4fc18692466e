"""The frame of every page, its one stylesheet, and the headers that keep it harmless.

Whatever comes from outside passes through `esc` before it reaches a page.
"""

import html
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

STYLE_PATH = "/assets/page.css"

STYLE = """
:root { color-scheme: light; --ink: #1a1f36; --soft: #4f566b; --line: #c1c9d2; --accent: #0b5cad; --bad:
#a3121f; } * { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #f6f8fa; }
.banner { margin: 0; padding: .5rem 1rem; background: #ffde92; color: #4d3000; text-align: center; }
main { max-width: 30rem; margin: 2rem auto; padding: 1.5rem; background: #fff; border: 1px solid var(--line);
  border-radius: .5rem; }
main.wide { max-width: 70rem; }
h1 { margin: 0 0 1rem; font-size: 1.3rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
.total { font-size: 2rem; font-weight: 600; margin: 0 0 .5rem; }
ul.items { list-style: none; margin: 0 0 1rem; padding: 0; }
ul.items li { display: flex; justify-content: space-between; gap: 1rem; border-top: 1px solid var(--line);
  padding: .5rem 0; }
label { display: block; margin-top: .75rem; font-weight: 600; }
input { width: 100%; padding: .6rem; font: inherit; color: inherit; border: 1px solid #697386;
border-radius: .3rem; } input[aria-invalid="true"] { border: 2px solid var(--bad); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
button { width: 100%; margin-top: 1.25rem; padding: .75rem; font: inherit; font-weight: 600; color: #fff;
  background: var(--accent); border: 0; border-radius: .3rem; cursor: pointer; }
button.other { color: var(--ink); background: #fff; border: 1px solid #697386; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
.reason { margin: 0 0 1rem; padding: .75rem; color: var(--bad); border: 1px solid var(--bad);
border-radius: .3rem;
  background: #fff5f5; }
.hint { color: var(--soft); font-size: .9rem; }
a { color: var(--accent); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .5rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
"""


def esc(text: str) -> str:
    """Text as HTML shows it, also inside a quoted attribute."""
    return html.escape(text, quote=True)


def page(
    title: str, body: str, *, status: int = 200, wide: bool = False, form_leads_to: str | None = None
) -> HTMLResponse:
    """`body` is HTML already; `form_leads_to` is the address that a form's answer may send the browser to."""
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(title)}</title>
<link rel="stylesheet" href="{STYLE_PATH}">
</head>
<body>
<p class="banner" role="note"><strong>TEST MODE</strong> Stripe sandbox: no real money moves here.</p>
<main{' class="wide"' if wide else ""}>
{body}
</main>
</body>
</html>
"""
    return HTMLResponse(text, status_code=status, headers=_headers(form_leads_to))


def _headers(form_leads_to: str | None) -> dict[str, str]:
    targets = "'self'" + (f" {_origin(form_leads_to)}" if form_leads_to else "")
    policy = f"default-src 'none'; style-src 'self'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _origin(address: str) -> str:
    """Scheme, host and port: browsers hold a form's redirect to `form-action` too. Odd characters name no
    host."""
    parts = urlsplit(address)
    host = "".join(letter for letter in parts.netloc.rpartition("@")[2] if letter.isalnum() or letter in ".-:[]")
    return f"{parts.scheme}://{host}"
