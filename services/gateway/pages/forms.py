"""Reading a small form: bounded, and never more than it has fields for."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from shared.doors.routing import read_bounded

LONGEST_FORM = 16_384
MOST_FIELDS = 10


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form; none where it can't be read."""
    body = await read_bounded(request, LONGEST_FORM)
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}
