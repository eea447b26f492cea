"""What is published about marks: which harmless variations recipients of each purpose are served, in words.

A recipient reads here that it may be answered `+86 138 1234 5678` for `13812345678`, that both mean the same, and to
what precision what is measured is true.
"""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.i18n import Lang, catalogue
from api.wiring import services_of
from consent.marks.carriers import CARRIERS
from consent.marks.tolerance import allowed
from consent.wording.own_fields import every_offer
from vault.opening import Vault

PATH = "/v1/marking-rules"


@get(PATH, opt=access(Access.PUBLIC), sync_to_thread=True)
def marking_rules(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The rules that hold now."""
    return Response(
        rules_document(services_of(request).vault), headers={"Cache-Control": "public, max-age=600"}
    )


def rules_document(vault: Vault) -> dict[str, Any]:
    """Carriers by purpose, every carrier in both languages, and what is measured of what may be asked for."""
    with vault.data.read() as conn:
        purposes, offered = allowed(conn), every_offer(conn)
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
        "measured": {
            code: {"kind": field.measure.of.value, "precision": field.measure.precision, **dict(field.labels)}
            for code in sorted({code for fields in offered.values() for code in fields})
            if code in vault.catalogue and (field := vault.catalogue.field(code)).measure is not None
        },
        "promise": {lang: texts.text("marks.promise") for lang, texts in words.items()},
    }
