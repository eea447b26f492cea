"""JSON bodies of requests, decoded once at the edge into the closed shape a route documents."""

from typing import Any

import msgspec
from litestar import Request

from api.edge.problems import Problem


async def json_body[Body](request: Request[Any, Any, Any], decoder: msgspec.json.Decoder[Body]) -> Body:
    """The body as `decoder` knows it; raises 400 `malformed_json` or `unknown_member`, quoting nothing."""
    return decoded(await request.body(), decoder)


def decoded[Body](raw: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The same for bytes in hand."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise Problem(400, "unknown_member") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json") from None
