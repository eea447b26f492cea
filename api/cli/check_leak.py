"""`perusal check-leak URL`: ask a server whether something of yours is in a leak it tells of, without showing it what.

Needs no installation and no account. What is asked for is typed where nothing shows it, or read from standard
input; it is never an argument, and nothing that is printed or sent holds it (ADR 0045).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any, Final

import click
import httpx

from api.cli.failures import Exit, Failure
from api.cli.output import emit, json_option
from vault.base64url import b64url, unb64url
from vault.blinding import Blinded, blind
from vault.fields import FIELDS, InvalidValue
from vault.oblivious import LABEL_BYTES, SLOT_BITS, PointRefused, identifier, label_of, slot_of

_PATH: Final = "/v1/leak-check"
_TIMEOUT_S: Final = 30.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST_BITS: Final = 16
"""More of the hash is told to no server, whatever it asks by."""


@click.command("check-leak")
@click.argument("url")
@json_option
def command(url: str, as_json: bool) -> int:
    """Was I in a leak? Asks the server at URL about one telephone number, e-mail address or resident ID.

    What you ask for is prompted for and stays on this machine. 1 when it is in a leak.
    """
    at = _address(url)
    known = read(_typed())
    with httpx.Client(trust_env=False, timeout=_TIMEOUT_S, headers={"Accept": "application/json"}) as http:
        found = ask(http, at, known)
    emit({"found": list(found)}, as_json=as_json, lines=_lines(found))
    return Exit.WRONG if found else Exit.OK


def read(text: str) -> bytes:
    """What was typed as an identifier; raises Failure, which does not repeat it."""
    kinds = ("email",) if "@" in text or "\uff20" in text else ("resident_id", "phone")
    for kind in kinds:
        try:
            return identifier(kind, FIELDS[kind].canonical(text))
        except InvalidValue:
            continue
    message = "this is no telephone number, e-mail address or resident ID"
    raise Failure(message, code="unreadable_identifier", exit_code=Exit.USAGE)


def ask(http: httpx.Client, at: httpx.URL, known: bytes) -> Sequence[Mapping[str, str]]:
    """The leaks that an identifier is in; raises Failure. A list that changes meanwhile is asked once more."""
    for _ in range(2):
        told = _object(http, "GET", at)
        blinded = blind(known)
        answer = _sent(http, "POST", at, _question(told, known, blinded))
        if answer.status_code != httpx.codes.CONFLICT:
            return _found(told, blinded, _read_object(answer))
    raise Failure("the list changes while it is asked; try again", code="leaks_moved")


def _question(told: Mapping[str, Any], known: bytes, blinded: Blinded) -> dict[str, Any]:
    bits = told.get("bits")
    if not isinstance(bits, int) or not 0 <= bits <= _MOST_BITS:
        raise _unexpected()
    prefix = slot_of(known) >> SLOT_BITS - bits
    return {"period": told.get("period"), "bits": bits, "prefix": prefix, "blinded": b64url(blinded.point)}


def _found(
    told: Mapping[str, Any], blinded: Blinded, answer: Mapping[str, Any]
) -> Sequence[Mapping[str, str]]:
    try:
        result = blinded.opened(unb64url(answer["evaluated"]))
        labels = {bytes(label) for label in batched(unb64url(answer["labels"]), LABEL_BYTES)}
        leaks = [{name: str(one[name]) for name in ("id", "received")} for one in told["leaks"]]
    except (KeyError, TypeError, ValueError, PointRefused):
        raise _unexpected() from None
    return [one for one in leaks if label_of(result, one["id"]) in labels]


def _address(url: str) -> httpx.URL:
    try:
        at = httpx.URL(url)
    except httpx.InvalidURL:
        raise Failure("this is no address of a server", code="usage", exit_code=Exit.USAGE) from None
    if at.scheme != "https" and at.host not in _LOOPBACK:
        raise Failure(
            "ask another machine by https only: on the way the answer could be changed",
            code="insecure_url",
            exit_code=Exit.USAGE,
        )
    return at.join(_PATH)


def _typed() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    typed: str = click.prompt("Telephone number, e-mail address or resident ID", hide_input=True, err=True)
    return typed.strip()


def _object(http: httpx.Client, method: str, at: httpx.URL) -> Mapping[str, Any]:
    return _read_object(_sent(http, method, at, None))


def _sent(http: httpx.Client, method: str, at: httpx.URL, body: Any) -> httpx.Response:
    try:
        return http.request(method, at, json=body)
    except httpx.HTTPError:
        raise Failure("the server does not answer", code="no_server", exit_code=Exit.ENVIRONMENT) from None


def _read_object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
        if answer.is_success and isinstance(found, dict):
            return found
        raise Failure(str(found["detail"]), code=str(found["code"]))
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise _unexpected() from None


def _unexpected() -> Failure:
    return Failure("the server answered something else", code="unexpected_answer")


def _lines(found: Sequence[Mapping[str, str]]) -> list[str]:
    if not found:
        return ["it is in none of the leaks this server tells of"]
    return [f"it is in a leaked file that came in on {one['received']}" for one in found]
