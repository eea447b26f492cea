"""What every route of a kind refuses with, and with which headers it is called: read off who may call it and its body."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.edge.access import STAFF, Access
from api.oauth.dpop import ProofFault
from api.openapi.operation import PROBLEM, Operation, Words
from api.openapi.shapes import named, text

_FAULTS = {
    429: ["too_many_attempts"],
    500: ["internal_error"],
    503: ["database_unreachable", "ledger.alarm", "keys_unavailable"],
}
_SEALED = {503: ["sealed"]}
_BATCHED = ("POST /v1/disclosures", "POST /introspect")
_PROOF_FAULTS = sorted(fault for fault in ProofFault if fault not in {ProofFault.MISSING, ProofFault.NONCE})

_CLIENT: Mapping[int, Sequence[str]] = {
    400: [
        "invalid_request malformed_form",
        "unauthorized_client client.suspended",
        "use_dpop_nonce proof.nonce",
        "invalid_dpop_proof proof.replayed",
        *(f"invalid_dpop_proof proof.{fault}" for fault in _PROOF_FAULTS),
    ],
    401: [
        "invalid_client client.no_assertion",
        "invalid_client client.not_authenticated",
        "invalid_client client.assertion_replayed",
    ],
    413: ["invalid_request body_too_large"],
}


def of(who: Access, method: str, path: str, entry: Operation) -> dict[int, list[str]]:
    """Every status that is a refusal, with its codes; for the OAuth endpoints `error code`."""
    every: dict[int, list[str]] = {}
    for part in (entry.refusals, *_shared(who, method, path, entry)):
        for status, codes in part.items():
            every.setdefault(status, []).extend(codes)
    return every


def faults(form: Words) -> dict[int, list[str]]:
    """What can go wrong at every route that refuses in this form, without anybody having asked wrongly."""
    parts = [_in_oauth(_FAULTS)] if form is Words.OAUTH else [_FAULTS, _SEALED]
    return {status: sorted(code for part in parts for code in part.get(status, ())) for status in _FAULTS}


def parameters(who: Access, method: str, entry: Operation) -> list[str]:
    """The names of the parameters; forms of a person's need the browser's word for where they come from."""
    posted = who is Access.CONSUMER and method == "POST"
    return [*entry.parameters, *(["Sec-Fetch-Site"] if posted else [])]


def unavailable(made: dict[str, Any], form: Words) -> dict[str, Any]:
    """503 also when the server is sealed, in problem details everywhere, or has too many callers, in plain text."""
    sealed = {"schema": named(Words.PROBLEM.value)}
    content = {**made["content"], "text/plain": {"schema": text()}}
    if form is Words.OAUTH:
        content[PROBLEM] = sealed
    return {**made, "content": content}


def _shared(who: Access, method: str, path: str, entry: Operation) -> list[Mapping[int, Sequence[str]]]:
    if entry.words is Words.OAUTH:
        return [_CLIENT, _in_oauth(_FAULTS), _in_oauth(_busy(method, path))]
    parts = [_FAULTS, _SEALED, _busy(method, path), _who(who, method)]
    if "{" in path:
        parts.append({404: ["not_found"]})
    if entry.body or (method, who) == ("POST", Access.CONSUMER):
        parts.append({413: ["body_too_large"]})
    return parts


def _who(who: Access, method: str) -> Mapping[int, Sequence[str]]:
    if who in STAFF:
        return {401: ["not_authenticated"], 403: ["forbidden"]}
    if who is Access.CONSUMER and method == "POST":
        return {400: ["malformed_form"], 401: ["not_authenticated"], 403: ["csrf"]}
    asked = {Access.ANY_STAFF, Access.CONSUMER, Access.TOKEN}
    return {401: ["not_authenticated"]} if who in asked else {}


def _busy(method: str, path: str) -> Mapping[int, Sequence[str]]:
    """Where requests wait for a shared transaction."""
    return {503: ["overloaded", "shutting_down"]} if f"{method} {path}" in _BATCHED else {}


def _in_oauth(codes: Mapping[int, Sequence[str]]) -> Mapping[int, Sequence[str]]:
    names = {429: "temporarily_unavailable"}
    return {
        status: [f"{names.get(status, 'server_error')} {code}" for code in every]
        for status, every in codes.items()
    }
