"""Whether an answer is one that the document names, and says nothing that the document does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import schemathesis
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.openapi.document import document

load_all_checks()

NAMED = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CHECKS = [not_a_server_error, *NAMED]
OPEN = {"ServerMetadata", "ResourceMetadata", "KeySet", "Trace"}
"""What standards or the rules of a trace give more members than the document names."""


def closed(schema: Any) -> Any:
    """The same schema, with nothing but the named members in any object."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: closed(value) for name, value in schema.items()}
    shut = schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping)
    return {"additionalProperties": False, **made} if shut else made


def exact() -> dict[str, Any]:
    """The document, in which answers have the members it names and no others."""
    whole = document()
    for methods in whole["paths"].values():
        for operation in methods.values():
            operation["responses"] = closed(operation["responses"])
    schemas = whole["components"]["schemas"]
    kept = {name: schema if name in OPEN else closed(schema) for name, schema in schemas.items()}
    return {**whole, "components": {**whole["components"], "schemas": kept}}


SCHEMA = schemathesis.openapi.from_dict(exact())


def operation_of(key: str) -> Any:
    """schemathesis' operation behind a method and path."""
    method, _, path = key.partition(" ")
    return SCHEMA[path][method]


def check(key: str, answer: Any) -> None:
    """Raise unless `answer` is one of this operation."""
    names = re.findall(r"{(\w+)}", key)
    case = operation_of(key).Case(path_parameters=dict.fromkeys(names, "x"))
    case.validate_response(answer, checks=NAMED)
