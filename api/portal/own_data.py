"""A person's own copy of their data: one press, as a page to read or as a file for programs.

Making the copy is itself a use, and the ledger shows it before a single value is opened.
"""

import json
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue, Lang, catalogue
from api.portal.posted import posted
from api.portal.render import page_lang, render
from api.portal.told import reason_word, staff_name, staff_words
from api.portal.words import (
    denial_word,
    field_label,
    field_labels,
    notice_word,
    purpose_title,
    state_word,
)
from api.wiring import services_of
from consent.export.document import Export, export
from consent.schema.grant_states import GrantState
from vault.fields import Catalogue as Fields

FILE = "perusal-copy"


@post("/copy", opt=access(Access.CONSUMER), status_code=200, sync_to_thread=True)
def own_copy(request: Request[Session, Any, Any]) -> Response[str]:
    """Everything about the signed-in person; the form's `as` says `page` or `file`."""
    services = services_of(request)
    made = export(services.vault, request.user.subject, services.clock())
    if not isinstance(made, Export):
        raise Problem(404, "not_found")
    if posted(request).get("as") == "file":
        return _download(as_json(made), "application/json", f"{FILE}.json")
    return _download(as_page(made, page_lang(request), services.vault.catalogue), "text/html", f"{FILE}.html")


def as_json(made: Export) -> str:
    """The copy for programs; docs/export.md says what each member means."""
    return json.dumps(made.document, ensure_ascii=False, indent=1) + "\n"


def as_page(made: Export, lang: Lang, fields: Fields) -> str:
    """The copy as one page that needs nothing else: no style sheet, no picture, no network."""
    texts = catalogue(lang)
    return render("copy.html", lang, doc=made.document, names=_names(made.document, texts, fields))


def _download(text: str, media_type: str, name: str) -> Response[str]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def _names(document: Mapping[str, Any], texts: Catalogue, fields: Fields) -> Mapping[str, Any]:
    """What the codes in the document are called in the reader's language."""
    asked = (one["recipient"] for one in document["permissions"])
    return {
        "recipient": {one["id"]: one["name"] for one in asked},
        "field": lambda code: field_label(code, texts, fields),
        "fields": lambda codes: texts.listed(field_labels(codes, texts, fields)),
        "purpose": lambda code: purpose_title(code, texts),
        "state": lambda code: state_word(GrantState(code), texts),
        "denial": lambda code: denial_word(code, texts),
        "told": lambda kind: notice_word(kind, texts),
        "did": lambda one: staff_words(one["kind"], one["times"], texts),
        "staff": lambda one: staff_name(one["kind"], one["staff"], texts),
        "reason": lambda code: reason_word(code, texts),
        "kind": lambda code: texts.text(
            f"copy.entry_{code}" if texts.has(f"copy.entry_{code}") else "copy.entry_other"
        ),
    }
