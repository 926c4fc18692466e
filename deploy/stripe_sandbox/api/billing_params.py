"""Kinds of parameters that subscriptions have and nobody else: an instant or a word, a group or nothing."""

from dataclasses import dataclass
from typing import Any

from deploy.stripe_sandbox.domain.params import Flag, Param, Shape, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json

_LATEST = 10**11


@dataclass(frozen=True)
class InstantOr:
    """Seconds, or one word; an empty text means None where `blank` allows it."""

    word: str = ""
    blank: bool = False

    def read(self, raw: Any, name: str) -> int | str | None:
        if raw == "" and self.blank:
            return None
        if self.word and raw == self.word:
            return self.word
        return Whole(0, _LATEST).read(raw, name)


@dataclass(frozen=True)
class OrNothing:
    """A group, or an empty text for none."""

    group: Shape

    def read(self, raw: Any, name: str) -> Json | None:
        return None if raw == "" else self.group.read(raw, name)


PRORATION: dict[str, Param] = {
    "proration_behavior": choice("always_invoice", "create_prorations", "none"),
    "proration_date": Whole(0, _LATEST),
}
PAYMENT_BEHAVIOR = choice("allow_incomplete", "default_incomplete", "error_if_incomplete")
QUANTITY = Whole(1, 999_999)
TRIAL_SETTINGS = shape(
    required=("end_behavior",),
    end_behavior=shape(
        required=("missing_payment_method",),
        missing_payment_method=choice("cancel", "create_invoice", "pause"),
    ),
)
PAYMENT_SETTINGS = shape(
    unbuilt=("payment_method_options", "payment_method_types"),
    save_default_payment_method=choice("off", "on_subscription"),
)
CANCELLATION = shape(
    comment=Text(blank=True),
    feedback=choice(
        "customer_service",
        "low_quality",
        "missing_features",
        "other",
        "switched_service",
        "too_complex",
        "too_expensive",
        "unused",
    ),
)
PAUSE = OrNothing(
    shape(
        required=("behavior",),
        behavior=choice("keep_as_draft", "mark_uncollectible", "void"),
        resumes_at=Whole(0, _LATEST),
    )
)
CANCEL: dict[str, Param] = {"cancel_at": InstantOr(blank=True), "cancel_at_period_end": Flag()}
