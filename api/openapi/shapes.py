"""The few shapes of JSON Schema (2020-12) that the tables are written in, and schemas of the structs bodies are
decoded as.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

type Schema = dict[str, Any]

INSTANT: Schema = {"type": "string", "format": "date-time"}
COUNTRY: Schema = {"type": "string", "pattern": "^[A-Z]{2}$"}
SWITCH: Schema = {"type": "boolean"}
JWS: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"}
JWE: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$"}
THUMBPRINT: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
COMPONENTS = "#/components/schemas/"


def text(pattern: str | None = None, *, least: int | None = None, most: int | None = None) -> Schema:
    """A text, by its pattern and its length in characters."""
    return _known(type="string", pattern=pattern, minLength=least, maxLength=most)


def whole(least: int | None = None, most: int | None = None) -> Schema:
    """A whole number within bounds."""
    return _known(type="integer", minimum=least, maximum=most)


def words(values: Iterable[str]) -> Schema:
    """One word of a closed list."""
    return {"type": "string", "enum": sorted(str(value) for value in values)}


def listed(items: Schema, *, least: int | None = None, most: int | None = None, once: bool = False) -> Schema:
    """A list; `once`: nothing stands in it twice."""
    return _known(type="array", items=items, minItems=least, maxItems=most, uniqueItems=once or None)


def members(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members; others may be there."""
    made: Schema = {"type": "object", "properties": {**required, **(optional or {})}}
    return {**made, "required": list(required)} if required else made


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def id_of(prefix: str) -> Schema:
    """An id as `vault.ids.encode_id` writes it."""
    return text(f"^{prefix}_[a-z2-7]{{26}}$")


def secret_of(prefix: str) -> Schema:
    """A secret as `vault.ids.new_secret` writes it."""
    return text(f"^{prefix}_[A-Za-z0-9_-]{{51}}$")


def named(name: str) -> Schema:
    """A reference to one of the document's own schemas."""
    return {"$ref": COMPONENTS + name}


def structs(kinds: Mapping[str, type]) -> dict[str, Schema]:
    """The schemas of msgspec structs under names of ours, with everything they refer to."""
    _, found = msgspec.json.schema_components(kinds.values(), ref_template=COMPONENTS + "{name}")
    ours = {name: name.lstrip("_") for name in found} | {kind.__name__: name for name, kind in kinds.items()}
    return {ours[name]: _renamed(schema, ours) for name, schema in found.items()}


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(one, names) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _renamed(value, names)
        for key, value in schema.items()
        if key not in {"title", "description", "required"}
    }
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(COMPONENTS)
        kept["$ref"] = COMPONENTS + names[name]
    return {**kept, "required": schema["required"]} if schema.get("required") else kept


def _known(**members: Any) -> Schema:
    return {name: value for name, value in members.items() if value is not None}
