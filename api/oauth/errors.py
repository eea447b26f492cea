"""How the protocol endpoints say no: the JSON of RFC 6749 §5.2 with our stable `code` beside its `error`.

`error` is for client libraries, `code` for people and tests. Nothing of the input is repeated, except the
pointer to the offending member of the authorization details.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request, Response

from api.edge.problems import as_problem
from consent.refusals import Refusal

_JSON = "application/json"
_NAMES = {429: "temporarily_unavailable"}


class OAuthRefused(Exception):
    """An endpoint's refusal: HTTP status, OAuth error, exact code, where in the input, and every item that is missing."""

    def __init__(
        self,
        status: int,
        error: str,
        code: str,
        at: str = "",
        *,
        missing: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.code = code
        self.at = at
        self.missing = tuple(missing)
        self.headers = dict(headers or {})


def refused(refusal: Refusal) -> OAuthRefused:
    """The answer to a request that the consent floor turned down."""
    return OAuthRefused(400, refusal.error, refusal.code, refusal.at, missing=refusal.missing)


def answer_oauth(_request: Request[Any, Any, Any], error: Exception) -> Response[Mapping[str, Any]]:
    """The exception handler of the protocol endpoints."""
    headers: dict[str, str] = {}
    if isinstance(error, OAuthRefused):
        status, name, code, at = error.status, error.error, error.code, error.at
        headers = error.headers
    else:
        problem = as_problem(error)
        status, code, at, headers = problem.status, problem.code, "", problem.headers
        name = "server_error" if status >= 500 else _NAMES.get(status, "invalid_request")
    body: dict[str, Any] = {
        "error": name,
        "error_description": f"{code} at {at}" if at else code,
        "code": code,
    }
    if isinstance(error, OAuthRefused) and error.missing:
        body["missing"] = list(error.missing)
    return Response(body, status_code=status, media_type=_JSON, headers=headers)
