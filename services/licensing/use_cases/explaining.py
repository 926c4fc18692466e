"""Why is this license's key good, or not: every step of L4 with its finding, and what became of the license."""

from dataclasses import dataclass

from services.licensing.domain.license import License
from services.licensing.domain.verdict import Check, Code, Verdict, checks, concluded
from services.licensing.service import Licensing
from services.licensing.store import activations, license_keys, license_steps
from services.licensing.store.license_steps import Step

MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """`checks` in order: the first with a denial is the verdict's. `history` is oldest first."""

    license: License
    verdict: Verdict
    checks: list[Check]
    history: list[Step]


async def explain(
    licensing: Licensing,
    license: License,
    *,
    server_id: str | None,
    fingerprint: str | None,
    entitlements: tuple[str, ...],
) -> Explanation:
    """The license's own key, asked as `validate` would be, at this moment and past no cache. Where no fingerprint is
    said, the server's own is taken: who looks into a license is not on the server."""
    now = licensing.clock.now()
    async with licensing.database.transaction() as connection:
        key = await license_keys.current(connection, license.id)
        seats = await activations.open_of(connection, {license.id: license})
        seat = None if server_id is None else await activations.of_server(connection, license, server_id)
        history = await license_steps.of_license(connection, license.id, limit=MOST_STEPS)
    found = [
        _signature(licensing, key.secret_version),
        *checks(
            license,
            now=now,
            activation=seat,
            active=sum(each.is_active(now) for each in seats),
            server_id=server_id,
            fingerprint=seat.fingerprint if seat is not None and fingerprint is None else fingerprint,
            wanted=entitlements,
        ),
    ]
    return Explanation(license, concluded(license, found, now=now), found, history)


def _signature(licensing: Licensing, version: int) -> Check:
    if version in licensing.secrets.by_version:
        return Check("signature", None, f"The key is sealed by version {version} of the master secret.")
    return Check("signature", Code.BAD_SIGNATURE, f"Version {version} of the master secret is not at hand.")
