"""`PUT /internal/v1/mails/{message_id}`: siblings ask for a mail to an account (shared/contracts/mails.py)."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from services.gateway.api.guards import gateway_of
from services.gateway.store.mails_asked import Asked
from services.gateway.use_cases.asked_mails import ask_for_mail
from shared.contracts.mails import VALUES, Template, complete
from shared.doors import StrictRoute, Wire, answer, guarded
from shared.errors import Invalid
from shared.service_auth import service_required

LONGEST_VALUE = 4_000
MOST_VALUES = 20

router = APIRouter(route_class=StrictRoute, include_in_schema=False)

Value = Annotated[str, StringConstraints(max_length=LONGEST_VALUE)]


class MailBody(Wire):
    """A template and exactly the values that it says."""

    account_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    template: Annotated[str, StringConstraints(max_length=64)]
    values: Annotated[dict[str, Value], Field(max_length=MOST_VALUES)]

    def known_template(self) -> Template:
        """Raises Invalid where there is no such template, or the values are not its own."""
        if self.template not in VALUES:
            raise Invalid("/template", "is not known")
        template = cast("Template", self.template)
        if complete(template, self.values).keys() != VALUES[template]:
            raise Invalid("/values", f"must be exactly {', '.join(sorted(VALUES[template]))}")
        return template


@router.put("/internal/v1/mails/{message_id}")
@guarded(service_required)
async def put_mail(
    request: Request, message_id: Annotated[str, Path(min_length=1, max_length=300)], body: MailBody
) -> Response:
    asked = Asked(request.state.caller.account_id, message_id, body.account_id, body.known_template())
    await ask_for_mail(gateway_of(request), asked, body.values)
    return answer({"message_id": message_id}, 202)
