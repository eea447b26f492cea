"""A token of one recipient in another's hands: refused, no field released, and the person is told
(law_claims.md R24, R25).
"""

import pytest
from sqlalchemy import select

from consent.denials import DenialCode
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.schema.tables import denial, disclosure
from tests.flow.installation import HIS_PHONE


def refusals(world):
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars().all()
        counted = dict(conn.execute(select(denial.c.code, denial.c.attempts)).all())
    return sum(parse(body).kind is Kind.REFUSE for body in bodies), counted


@pytest.mark.parametrize("times", [1, 3])
def test_another_recipients_use_of_a_token_is_refused_recorded_and_shown_to_the_person(world, times):
    app, thief, person = world.app("Harbour Bank"), world.app("Thief Ltd"), world.person()
    token = app.token_for(person)

    answers = [thief.disclose(token) for _ in range(times)]

    assert {answer.status_code for answer in answers} == {401}
    assert not HIS_PHONE.search("".join(answer.text for answer in answers))
    assert refusals(world) == (1, {DenialCode.WRONG_KEY: times})
    told = person.get("/en/uses").text
    assert "it did not prove that the token was its own" in told
    assert app.disclose(token).status_code == 200


def test_a_second_use_of_a_token_for_one_is_refused_recorded_and_releases_nothing(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    first = app.disclose(token)

    again = app.disclose(token)

    assert (first.status_code, again.status_code) == (200, 401)
    assert not HIS_PHONE.search(again.text)
    assert refusals(world) == (1, {DenialCode.SPENT: 1})
    with world.vault.data.read() as conn:
        assert len(conn.execute(select(disclosure.c.id)).all()) == 1
