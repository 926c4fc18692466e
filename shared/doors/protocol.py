"""HTTP/1.1 that can't be parsed is refused as a problem document too, and the connection ends: what follows it on the
wire may be anything."""

from datetime import UTC, datetime

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared import problems
from shared.doors.answers import encode
from shared.ids import new_id


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with our words for its 400."""

    def send_400_response(self, msg: str) -> None:
        self.transport.write(malformed_request())
        self.transport.close()


def malformed_request() -> bytes:
    """The whole answer, bytes as they go out."""
    request_id = new_id("req", at=datetime.now(UTC))
    body = encode(
        problems.document("malformed_request", "This is no HTTP request.", request_id=request_id, instance="")
    )
    head = (
        "HTTP/1.1 400 Bad Request\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
