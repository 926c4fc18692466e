"""Ids as providers give them."""

import secrets


def new_id(prefix: str) -> str:
    """A fresh one: `new_id("chatcmpl-")`."""
    return prefix + secrets.token_hex(12)
