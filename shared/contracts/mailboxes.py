"""Which mailbox an address leads to: aliases that need no second mailbox are taken off (S13).

Only for providers whose rule is known: at any other, a dot or a plus may tell two people apart, so nothing is changed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Provider:
    """At each, what follows a plus is a tag. `domain` stands for all of its domains: one name there is one mailbox."""

    domain: str
    ignores_dots: bool = False


_GMAIL = _Provider("gmail.com", ignores_dots=True)
_ICLOUD = _Provider("icloud.com")
_PROTON = _Provider("proton.me")
_FASTMAIL = tuple(_Provider(domain) for domain in ("fastmail.com", "fastmail.fm"))
_MICROSOFT = tuple(_Provider(domain) for domain in ("outlook.com", "hotmail.com", "live.com", "msn.com"))

_PROVIDERS = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GMAIL),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _ICLOUD),
    **dict.fromkeys(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), _PROTON),
    **{each.domain: each for each in (*_FASTMAIL, *_MICROSOFT)},
}


def mailbox_of(normal_email: str) -> str:
    """The mailbox behind an address that is in its normal form (`identity_hashes.normal_email`)."""
    local, at, domain = normal_email.rpartition("@")
    provider = _PROVIDERS.get(domain)
    if provider is None:
        return normal_email
    name = local.partition("+")[0]
    if provider.ignores_dots:
        name = name.replace(".", "")
    return f"{name or local}{at}{provider.domain}"
