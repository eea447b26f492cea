"""Did the story come out as it must? Pure: the story's document in, sentences about what is wrong out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def complaints(story: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong, one sentence each; empty when the story holds."""
    return [*_leaker(story), *_claims(story), *_attempts(story), *_proofs(story), *_plain_values(story)]


def _leaker(story: Mapping[str, Any]) -> Iterator[str]:
    first, leaker = story["suspects"][0], story["leak"]["leaker"]
    if first["name"] != leaker:
        yield f"the leaker was {leaker}, but {first['name']} is ranked first"
    elif not first["named"]:
        yield "the leaker is ranked first but the evidence does not suffice to name it"
    for row in story["suspects"][1:]:
        if row["named"]:
            yield f"{row['name']} is innocent but was named"


def _claims(story: Mapping[str, Any]) -> Iterator[str]:
    opened, found, real = story["claims"]["opened"], story["trace"]["people"], story["leak"]["from_app"]
    if found != real:
        yield f"{real} people of the city are in the file, but {found} were recognised"
    if not story["claims"]["pack"]:
        yield "no claim has an evidence pack"
    if opened != found:
        yield f"{found} people are affected, but {opened} claims were opened"


def _attempts(story: Mapping[str, Any]) -> Iterator[str]:
    for row in story["attempts"]:
        if not row["ok"]:
            yield f"{row['what']}: {row['through']} of {row['tried']} were let through, {row['allowed']} allowed"


def _proofs(story: Mapping[str, Any]) -> Iterator[str]:
    for row in story["verification"]:
        if not row["ok"]:
            yield f"not as it must be: {row['what']}"


def _plain_values(story: Mapping[str, Any]) -> Iterator[str]:
    if story["search"]["found"]:
        yield f"{story['search']['found']} plain values stand in the service's files"
