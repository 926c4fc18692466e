"""The gateway's own HTTP/1.1 edge: `/proxy/...` answered beneath ASGI, the rest handed to FastAPI through uvicorn.

    connection.py  one connection: the parser's callbacks, order, bounds on heads, quiet and leaving
    exchange.py    one paid request and its answer
    intake.py      a request's body as it comes
    heads.py       an answer's head as bytes
    house.py       what the connections of a process share: judgement, bounds, counts, the sweep
    tally.py       metrics and log lines

RFC 9112 is the source. [ADR 11](../../../../docs/adr/0011-an-edge-protocol-of-our-own.md) says why it is ours.
"""

from services.gateway.api.edge.connection import EdgeProtocol
from services.gateway.api.edge.house import Edge

__all__ = ["Edge", "EdgeProtocol"]
