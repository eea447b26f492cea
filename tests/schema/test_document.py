"""The OpenAPI document and the app say the same: every route that machines call has its entry, and no entry is alone."""

import json
import re
from pathlib import Path

import pytest
from litestar.handlers import ASGIRouteHandler
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from api.edge.access import STAFF, Access
from api.oauth.token import HANDLERS
from api.openapi.document import FRONT, PAGES, document
from api.openapi.operation import FORM, JSON, PROBLEM
from api.sealing.front import front

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
FOR_PEOPLE = re.compile(r"/(en|zh-CN)(/|$)")


def called(app):
    """(method and path, handler) of everything an app answers to machines."""
    for route in app.routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        handlers = [route.route_handler] if hasattr(route, "route_handler") else route.route_handlers
        for handler in handlers:
            methods = {"POST"} if isinstance(handler, ASGIRouteHandler) else handler.http_methods
            if not FOR_PEOPLE.match(path) and path not in PAGES:
                yield from ((f"{method} {path}", handler) for method in sorted(methods - {"OPTIONS"}))


def documented():
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def every(member, value):
    """Every value of a member's name, at any depth."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and member in value:
        yield value[member]
    for child in children:
        yield from every(member, child)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_route_for_machines_has_an_entry_and_every_entry_a_route(callers):
    answered = {key for key, _ in called(callers.world.http.app)}

    assert answered == documented().keys() - FRONT.keys()
    assert {key for key, _ in called(front(None, secure=True))} >= FRONT.keys()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_document_asks_for_what_the_guard_asks_for(callers):
    schemes = {
        Access.CLIENT: "privateKeyJwt",
        Access.TOKEN: "boundToken",
        Access.CONSUMER: "session",
        **dict.fromkeys([*STAFF, Access.ANY_STAFF], "staffKey"),
    }
    operations = documented()
    for key, handler in called(callers.world.http.app):
        wanted = schemes.get(handler.opt["access"])
        assert operations[key]["security"] == ([{wanted: []}] if wanted else []), key


def test_the_committed_document_is_the_one_that_the_code_writes():
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == document()


def test_every_reference_leads_somewhere_and_no_schema_lies_unused():
    whole = document()
    kept = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in whole["components"][kind]
    }

    assert set(every("$ref", whole)) == kept


def test_the_document_is_one_by_the_rules_of_its_own_standard():
    OPENAPI_31_VALIDATOR.validate(document())


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does():
    operations = documented().values()

    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["summary"] for one in operations)


def test_every_grant_type_that_is_answered_has_its_form():
    body = documented()["POST /token"]["requestBody"]["content"][FORM]["schema"]

    assert {one["properties"]["grant_type"]["const"] for one in body["oneOf"]} == HANDLERS.keys()


def test_refusals_are_problem_details_but_at_the_endpoints_that_speak_oauth():
    shared = document()["components"]["responses"]
    for key, operation in documented().items():
        oauth = operation["security"] == [{"privateKeyJwt": []}]
        for status, said in operation["responses"].items():
            answer = shared[said["$ref"].rpartition("/")[2]] if "$ref" in said else said
            if int(status) >= 400 and key.partition(" ")[0] != "HEAD":
                assert (JSON if oauth or (key, status) == ("GET /healthz", "503") else PROBLEM) in answer[
                    "content"
                ], (key, status)


def test_nothing_of_the_portal_is_in_it():
    assert not [path for path in document()["paths"] if FOR_PEOPLE.match(path) or path in PAGES]
