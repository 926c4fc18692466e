"""A mailbox for everybody, for a machine without a mail server: takes any mail by SMTP, delivers none, shows all.

- SMTP on a port of its own, without TLS or sign-in: for loopback only.
- `GET /messages?to=` answers `[{id, to, subject, text, html, sent_at, message_id}]`, newest first; one entry for each
  recipient. `sent_at` is when it arrived here. `GET /messages/{id}` answers one of them.
- `GET /` lists them for a browser, `GET /read/{id}` shows one. A mail's HTML runs no script and loads nothing.
- `GET /ping`.

The newest `STORE_MOST` are kept, in a file if one is named.
"""
