"""Devices, and what accounts share that should be strangers (U9: device fingerprint; S13: duplicates)."""

from collections.abc import Mapping

from services.fraud.domain.facts import Background, Payment, TraitKind, TraitUse
from services.fraud.domain.signals import MOST_ACCOUNTS_COUNTED, Value

_NEVER_USED = TraitUse(0, by_this_account=False)


def sharing_signals(payment: Payment, background: Background, disposable_domains: frozenset[str]) -> dict[str, Value]:
    """What is new to the account, what others have too, a mailbox for minutes. `disposable_domains` are digests."""
    uses = {kind: background.uses.get(kind, _NEVER_USED) for kind in payment.shared_traits()}
    paid_before, device = bool(background.past), background.device
    return {
        "is_device_new": paid_before and _is_new(uses, "device"),
        "is_card_new": paid_before and _is_new(uses, "card"),
        "is_ip_new": paid_before and _is_new(uses, "ip"),
        "is_device_changed_in_session": _changed_in_session(payment, background),
        "device_accounts": _accounts(uses, "device"),
        "card_accounts": _accounts(uses, "card"),
        "ip_accounts": _accounts(uses, "ip"),
        "mailbox_accounts": _accounts(uses, "mailbox"),
        "device_type": device.type if device else "",
        "fingerprint_accounts": min(MOST_ACCOUNTS_COUNTED, device.sharers) if device else 0,
        "is_domain_disposable": payment.traits.domain_match in disposable_domains,
    }


def _is_new(uses: Mapping[TraitKind, TraitUse], kind: TraitKind) -> bool:
    return kind in uses and not uses[kind].by_this_account


def _accounts(uses: Mapping[TraitKind, TraitUse], kind: TraitKind) -> int:
    """This one among them, whether it paid before or does now."""
    if kind not in uses:
        return 0
    return min(MOST_ACCOUNTS_COUNTED, uses[kind].accounts + (not uses[kind].by_this_account))


def _changed_in_session(payment: Payment, background: Background) -> bool:
    session, device = payment.session_hash, payment.traits.device_id
    if session is None or device is None:
        return False
    devices = {each.device_id for each in background.past if each.session_hash == session}
    return bool(devices - {None, device})
