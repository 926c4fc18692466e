"""Reading licenses: an account's, all, one with its key, and how many there are."""

from collections.abc import Mapping, Sequence

from services.licensing.domain.license import License, Status
from services.licensing.service import Licensing
from services.licensing.store import licenses
from services.licensing.use_cases.license_keys import made_again
from shared.errors import NotFound


async def find_license(licensing: Licensing, license_id: str, *, account_id: str | None) -> License:
    """One, of this account where one is given. Raises NotFound."""
    async with licensing.database.transaction() as connection:
        found = await licenses.find(connection, license_id)
    if found is None or account_id not in (None, found.account_id):
        raise NotFound("license")
    return found


async def read_key(licensing: Licensing, license: License) -> str:
    """The license's own key as it is printed, for its owner alone."""
    async with licensing.database.transaction() as connection:
        return (await made_again(licensing, connection, license)).printed()


async def list_licenses(
    licensing: Licensing, *, account_id: str | None, status: Status | None, after: str | None, limit: int
) -> list[License]:
    """Newest first; an account's, or all."""
    async with licensing.database.transaction() as connection:
        return await licenses.page(
            connection, account_id=account_id, status=status, after=after, limit=limit, now=licensing.clock.now()
        )


async def of_subscriptions(licensing: Licensing, subscription_ids: Sequence[str]) -> Mapping[str, str]:
    """The license's id of each of these subscriptions that has one."""
    async with licensing.database.transaction() as connection:
        return await licenses.ids_of_subscriptions(connection, subscription_ids)


async def count_licenses(licensing: Licensing) -> Mapping[Status, int]:
    """How many there are of each status now (L12), those that there are none of included."""
    async with licensing.database.transaction() as connection:
        found = await licenses.counts(connection, now=licensing.clock.now())
    return {status: found.get(status, 0) for status in Status}
