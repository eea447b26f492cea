"""What is published about marks: which harmless variations recipients of each purpose are served, in words.

A recipient reads here that it may be answered `+86 138 1234 5678` for `13812345678`, and that both mean the same.
"""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.i18n import Lang, catalogue
from api.wiring import services_of
from consent.marks.carriers import CARRIERS
from consent.marks.tolerance import allowed
from vault.opening import Vault

PATH = "/v1/marking-rules"


@get(PATH, opt=access(Access.PUBLIC), sync_to_thread=True)
def marking_rules(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The rules that hold now."""
    return Response(
        rules_document(services_of(request).vault), headers={"Cache-Control": "public, max-age=600"}
    )


def rules_document(vault: Vault) -> dict[str, Any]:
    """Carriers by purpose, and every carrier in both languages."""
    with vault.data.read() as conn:
        purposes = allowed(conn)
    words = {lang.value: catalogue(lang) for lang in Lang}
    return {
        "purposes": {purpose: list(carriers) for purpose, carriers in purposes.items()},
        "carriers": {
            code: {
                "field": field,
                **{lang: texts.text(f"carrier.{code}") for lang, texts in words.items()},
            }
            for code, field in sorted(CARRIERS.items())
        },
        "promise": {lang: texts.text("marks.promise") for lang, texts in words.items()},
    }
