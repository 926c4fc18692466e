"""The codes of licensing's own refusals, with their statuses."""

from shared.problems import register_problem

for _code, _status, _title in (
    ("license_invalid", 403, "License not valid"),
    ("license_revoked", 409, "License revoked"),
    ("not_renewable", 409, "Not renewable"),
    ("too_many_activations", 409, "Too many activations"),
):
    register_problem(_code, _status, _title)
