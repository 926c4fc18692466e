"""What Stripe takes and answers, as the installed SDK declares it, and a check of our traffic against that.

The SDK is generated from Stripe's own OpenAPI description, so its type annotations hold that description still: the
paths of its services, the `TypedDict`s of their parameters, the classes of their answers, all at the one API version
that the SDK pins. `description` reads them (syntax only, nothing is imported) and writes OpenAPI schemas, each when it
is first asked for; `check` holds values to a schema; `contract` speaks of requests, answers and webhooks; `watch`
stands before an application and sees all that passes.

What it cannot know, because the annotations don't say it:

- parameters that are required only together, or exclude each other; lengths, ranges, formats of ids;
- whether an `Optional` field may be null, or absent, or both: both are let pass;
- whether `Literal[...] | str` grows: it is held to the literals, so that neither we nor the sandbox make up words;
- what a field means, and whether two fields agree: that is what the sandbox's own tests are for.
"""

from tests.support.stripe_contract.contract import Contract, the_contract
from tests.support.stripe_contract.watch import Watch

__all__ = ["Contract", "Watch", "the_contract"]
