"""An operator seals the running service: it stops answering and forgets every key, until people open it again."""

from typing import Any

from litestar import Request, Response, post

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.wiring import services_of


@post("/v1/seal", opt=access(Access.OPERATOR), status_code=202)
async def seal_installation(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """202, and from then on only health and unseal answer; 409 where the server cannot be sealed."""
    seal = services_of(request).seal
    if seal is None:
        raise Problem(409, "not_sealable")
    seal()
    return Response({"status": "sealed"}, status_code=202, media_type="application/json")
