"""Marks on the command line: what is allowed, under which keys, and whose a name in a file is."""

from __future__ import annotations

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.sealing.opening import opened_vault
from consent.ids import disclosure_text
from consent.marks.tolerance import opted_out
from consent.recipients.pairwise import pairwise
from consent.redemption.disclose import disclose_many
from tests.consent.world import World
from tests.vault.people import made_up as people
from vault.ids import encode_id


@pytest.fixture
def served(perusal, home):
    """What one recipient was answered after the operator allowed marks; the recipient, the person, the disclosure."""
    told = perusal("marks", "allow", "delivery", "phone.separator", "phone.joint", "--dir", home, "--json")
    assert told.json == {"purpose": "delivery", "carriers": ["phone.joint", "phone.separator"]}
    with opened_vault(settings_of(home)) as vault:
        world = World(vault, 1_795_300_000_000)
        app, person = world.app(), world.person()
        (answer,) = disclose_many(vault, [world.request(world.token(app, person))], world.now)
        recipient = app.client.recipient.id
        name = pairwise(vault, recipient, person.subject)
    return answer.values, recipient, person.subject, disclosure_text(answer.disclosed.disclosure_id), name


def test_what_is_allowed_is_served_counted_sealed_and_published(perusal, home, served):
    values = served[0]
    status = perusal("marks", "status", "--dir", home, "--json").json
    sealed = perusal("marks", "seal", "--dir", home, "--json").json
    rolled = perusal("marks", "roll", "--dir", home, "--json").json
    rules = perusal("marks", "rules", "--dir", home, "--json").json

    assert values["phone"].startswith("+86")
    assert values["phone"] != people.phone(0)
    assert [one["epoch"] for one in status["epochs"]] == [1]
    assert (status["versions"], status["open"], sealed["sealed"], rolled["epoch"]) == (1, 1, 1, 2)
    assert rules["purposes"] == {"delivery": ["phone.joint", "phone.separator"]}
    assert set(rules["carriers"]["phone.joint"]) == {"field", "en", "zh-CN"}


def test_a_name_in_a_file_leads_back_to_its_recipient_and_person(perusal, home, served):
    _, recipient, subject, disclosed, name = served

    for one in (name, disclosed):
        found = perusal("marks", "resolve", one, "--dir", home, "--json")
        assert found.json == {"recipient": recipient, "subject": encode_id("sub", subject)}
    for one in ("pairwise:" + "A" * 43, "ds_nothing", "x"):
        missing = perusal("marks", "resolve", one, "--dir", home, "--json")
        assert (missing.code, missing.json["error"]["code"]) == (Exit.WRONG, "unknown_name")


def test_a_person_is_opted_out_and_in_again(perusal, home, served):
    subject = encode_id("sub", served[2])

    out = perusal("marks", "opt-out", subject, "--dir", home, "--json")
    with opened_vault(settings_of(home)) as vault:
        assert opted_out(vault, served[2])
    back = perusal("marks", "opt-out", subject, "--back", "--dir", home, "--json")

    assert (out.json, back.json) == ({"opted_out": True}, {"opted_out": False})
    with opened_vault(settings_of(home)) as vault:
        assert not opted_out(vault, served[2])


def test_an_unsuitable_carrier_is_refused(perusal, home):
    refused = perusal("marks", "allow", "delivery", "email.domain", "--dir", home, "--json")

    assert (refused.code, refused.json["error"]["code"]) == (Exit.WRONG, "unsuitable_carrier")
