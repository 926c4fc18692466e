"""Whose a device is, and who may claim it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.fraud.domain.device import Device, Hold, each_once, may_claim

NOW = datetime(2027, 1, 1, tzinfo=UTC)
FREE = Device("dev_1", "phone", ("nfc",), "Ada's phone", None, NOW)


def _may(device: Device, account: str) -> bool:
    return may_claim(device, account, real_now=NOW)


def test_nobodys_device_may_be_claimed_by_anybody() -> None:
    assert _may(FREE, "acct_a") and _may(FREE, "acct_b")


def test_claimed_device_is_its_accounts_only_whoever_holds_it() -> None:
    claimed = replace(FREE, account_id="acct_a", hold=Hold("acct_b", NOW + timedelta(seconds=1)))
    assert _may(claimed, "acct_a") and not _may(claimed, "acct_b")


def test_held_device_is_the_holders_until_the_hold_ends() -> None:
    held = replace(FREE, hold=Hold("acct_a", NOW + timedelta(microseconds=1)))
    assert _may(held, "acct_a") and not _may(held, "acct_b")
    assert _may(replace(FREE, hold=Hold("acct_a", NOW)), "acct_b")


def test_capabilities_are_told_once_and_as_they_were_said() -> None:
    assert each_once(["qr", "chip", "qr", "nfc"]) == ("qr", "chip", "nfc")


def test_device_does_not_say_its_name_in_a_log() -> None:
    assert "Ada" not in repr(FREE)
