"""The guards that devices hang on."""

from tests.mutations.guard import Guard

_RULES = "tests/unit/fraud/test_device.py"
_DEVICES = "tests/integration/fraud/test_devices.py"
_THROUGH_GATEWAY = "tests/integration/gateway_identity/test_devices.py"

DEVICE_GUARDS = (
    Guard(
        "a claimed device stays its account's",
        "services/fraud/domain/device.py",
        "        return device.account_id == account_id\n",
        "        return True\n",
        (f"{_RULES}::test_claimed_device_is_its_accounts_only_whoever_holds_it",),
    ),
    Guard(
        "a held device is claimed by nobody else",
        "services/fraud/domain/device.py",
        "    return hold is None or hold.account_id == account_id or hold.until <= real_now\n",
        "    return True\n",
        (f"{_RULES}::test_held_device_is_the_holders_until_the_hold_ends",),
    ),
    Guard(
        "claims of one device take turns",
        "services/fraud/store/devices.py",
        "WHERE id = :id FOR UPDATE",
        "WHERE id = :id",
        (f"{_DEVICES}::test_claim_waits_for_the_one_before_it",),
    ),
    Guard(
        "devices are registered so often from one address",
        "services/fraud/use_cases/devices.py",
        "    if isinstance(place, Full):\n        raise too_many(place.retry_after_ms, most=most)\n",
        "    if isinstance(place, Full):\n        yield\n        return\n",
        (f"{_DEVICES}::test_sixth_device_of_an_address_within_an_hour_is_refused",),
    ),
    Guard(
        "a registration of a device that fails does not count",
        "services/fraud/use_cases/devices.py",
        "        await fraud.registrations.give_back(place)\n        raise\n",
        "        raise\n",
        (f"{_DEVICES}::test_registration_that_fails_gives_its_place_back",),
    ),
    Guard(
        "a registration of an account that fails claims no device",
        "services/gateway/use_cases/claiming.py",
        "        await _release(gateway, device_id, account_id=account_id)\n        raise\n",
        "        raise\n",
        (f"{_THROUGH_GATEWAY}::test_registration_that_fails_claims_nothing",),
    ),
    Guard(
        "an account has the device that it brought",
        "services/gateway/use_cases/claiming.py",
        "    await _claim(gateway, device_id, account_id=account_id)\n",
        "",
        (f"{_THROUGH_GATEWAY}::test_registered_account_has_the_device_that_it_brought",),
    ),
)
