"""Products and prices: what is sold and for how much. Recurring prices can be made; selling them comes
later."""

from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json


def new_product(product_id: str, *, given: Json, now: int, active: bool) -> Json:
    product: Json = {
        "id": product_id,
        "object": "product",
        "active": active,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": "",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    return changed_product(product, given, now=now)


def changed_product(product: Json, given: Json, *, now: int) -> Json:
    plain = {name: value for name, value in given.items() if name in product and name not in ("metadata", "id")}
    metadata = merged(product["metadata"], given.get("metadata"))
    return {**product, **plain, "metadata": metadata, "updated": now}


def new_price(price_id: str, *, given: Json, product_id: str, amount_minor: int, now: int, active: bool) -> Json:
    recurring: Json | None = given.get("recurring")
    return {
        "id": price_id,
        "object": "price",
        "active": active,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": merged({}, given.get("metadata")),
        "nickname": given.get("nickname"),
        "product": product_id,
        "recurring": None if recurring is None else _recurring(recurring),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": amount_minor,
        "unit_amount_decimal": str(amount_minor),
    }


_CHANGEABLE = ("active", "lookup_key", "nickname", "tax_behavior")


def changed_price(price: Json, given: Json) -> Json:
    changed: Json = {name: given[name] for name in _CHANGEABLE if name in given}
    return {**price, **changed, "metadata": merged(price["metadata"], given.get("metadata"))}


def _recurring(given: Json) -> Json:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }
