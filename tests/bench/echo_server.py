"""The server under measurement with one route more: `python -m tests.bench.echo_server ARGUMENTS...`.

The route checks the DPoP proof of a request just as a redemption's is checked and answers with the JSON it was sent: what
is left of a redemption without its data base, its log, its values and its receipt. It is put on here and nowhere else,
because the product answers at no address that is not published.
"""

import sys
from typing import Any, Final

import msgspec
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from api import app as application
from api import disclosures
from api.cli.main import main
from api.edge.access import Access, access
from api.oauth.dpop import Proof, check_proof
from api.wiring import services_of_scope

ECHO: Final = "/bench/echo"

_routed = application.routed


@asgi(ECHO, opt=access(Access.TOKEN), copy_scope=False)
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The body again, for whoever proves to hold the key."""
    services = services_of_scope(scope)
    headers = disclosures._headers(scope["headers"])
    raw = await disclosures._read(receive, headers.length, services.settings.body_limit)
    token, _ = disclosures._token(headers.authorization)
    proof = check_proof(
        headers.proofs, method="POST", url=services.url(ECHO), now_ms=services.clock(), token=token
    )
    assert isinstance(proof, Proof)
    body = msgspec.json.encode(msgspec.json.decode(raw))
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def with_echo(**given: Any) -> Litestar:
    """Every route of the product, and this one."""
    app = _routed(**given)
    app.register(echo)
    return app


if __name__ == "__main__":
    application.routed = with_echo
    main(sys.argv[1:])
