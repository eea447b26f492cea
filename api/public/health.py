"""Whether the server answers and its data base does too; says nothing else."""

from typing import Any

from litestar import Request, Response, route
from sqlalchemy import text

from api.edge.access import Access, access
from api.wiring import services_of


@route("/healthz", http_method=["GET", "HEAD"], opt=access(Access.PUBLIC), sync_to_thread=True)
def health(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """200 when a statement runs; otherwise the error handler answers."""
    with services_of(request).vault.data.read() as conn:
        conn.execute(text("SELECT 1"))
    return Response({"status": "ok"}, media_type="application/json")
