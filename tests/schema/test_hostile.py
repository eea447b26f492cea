"""schemathesis sends what the document allows and what it forbids, under valid credentials, and reads what comes back.

Each request starts from what schemathesis made up; some of its members are replaced by sound ones, so that the
rest is looked at behind the first checks too. Whatever was sent: no answer is a server's error, and every
status, media type, header and body is one that the document names.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from requests.exceptions import InvalidHeader, InvalidURL
from schemathesis import GenerationMode

from api.openapi.document import FRONT, document, table
from tests.schema.callers import Callers, renew
from tests.schema.conformity import CHECKS, operation_of

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
KEYS = sorted(table().keys() - FRONT.keys())
MODES = list(GenerationMode)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
BENT = st.dictionaries(
    st.sampled_from([*document()["components"]["schemas"]["AskedDetails"]["properties"], "surprise"]),
    ANYTHING,
    max_size=2,
)
PLACES = st.sets(st.integers(0, 9), max_size=6)
BASE = "http://testserver.local"


def sounder(made_up: Any, sound: Any, places: set[int]) -> Any:
    """What was made up, with the members at these places as they should be; all of it sound when it is no object."""
    if not (isinstance(made_up, dict) and isinstance(sound, dict)):
        return sound if 9 in places else made_up
    return {**made_up, **{name: value for at, (name, value) in enumerate(sound.items()) if at not in places}}


def dressed(case: Any, callers: Callers, key: str, places: set[int]) -> None:
    """Put sound members and credentials into a case."""
    sound = callers.body(key)
    if sound is not None and 8 not in places:
        case.body = sounder(case.body, sound, places)
    if isinstance(case.body, dict):
        case.body = {**case.body, **callers.members(key)}
    if 7 not in places:
        known = callers.path(key)
        case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        case.query.update(callers.query(key))


def bent_details(case: Any, callers: Callers, bent: dict[str, Any]) -> None:
    """Sound authorization details in which some members are anything at all."""
    if bent and isinstance(case.body, dict) and "authorization_details" in case.body:
        case.body["authorization_details"] = json.dumps([{**callers.app.details(), **bent}])


def sent(case: Any, callers: Callers, key: str) -> Any:
    """The answer to a case as it travels; cases that no client could write are left out."""
    try:
        request = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    except (InvalidHeader, InvalidURL, UnicodeError, ValueError):
        assume(False)
    path = requests.utils.unquote(request.path_url.partition("?")[0])
    headers = {name: value for name, value in request.headers.items() if name.lower() not in PROOFS}
    headers |= {**callers.headers(key, path), "Accept": "application/json"}
    http = callers.world.http
    http.cookies.clear()
    return http.request(request.method, request.url, headers=headers, content=request.body or b"")


PROOFS = {"dpop", "authorization", "cookie", "sec-fetch-site", "content-length"}


def trial(callers: Callers, key: str, mode: GenerationMode, examples: int, **more: Any) -> None:
    operation = operation_of(key)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        **more,
    )
    @given(case=operation.as_strategy(generation_mode=mode), places=PLACES, bent=BENT)
    def run(case: Any, places: set[int], bent: dict[str, Any]) -> None:
        dressed(case, callers, key, places)
        bent_details(case, callers, bent)
        answer = sent(case, callers, key)
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code == 200 and key == "POST /v1/disclosures":
            renew(callers)

    try:
        run()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE
        assert not table()[key].body  # there is no wrong way to ask


@pytest.mark.parametrize("key", KEYS)
def test_every_answer_is_one_that_the_document_names(callers, key):
    for mode in MODES:
        trial(callers, key, mode, 10, derandomize=True)


@pytest.mark.heavy
@pytest.mark.parametrize("key", KEYS)
def test_every_answer_is_one_that_the_document_names_whatever_is_sent(callers, key):
    for mode in MODES:
        trial(callers, key, mode, 400)
