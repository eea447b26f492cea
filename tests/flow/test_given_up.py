"""A log is given up under a server that runs: who was asking is told to ask again, and strangers can read on."""

import hashlib
import random
import re
from dataclasses import replace

import pytest

from api.edge.problems import as_problem
from api.jobs.publisher import Publisher
from consent.ledger.append import append
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.ending.giving_up import give_up
from consent.ledger.entries.log_entry import Opening, parse
from consent.ledger.errors import WrongLog
from consent.ledger.formats import checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.origin import parse_origin
from consent.ledger.prove import entries
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from consent.relogging import relog
from tests.consent.ledger.kit import an_item


def _publish(world):
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()


def _log_of(answer):
    return parse_origin(answer.json()["ledger"]["log"])[1]


def _met(world, log):
    """What is raised when something is written that was meant for `log`."""
    with world.vault.data.write() as conn, pytest.raises(WrongLog) as met:
        append(
            conn,
            [
                replace(
                    an_item(random.Random(1), bucket=log.bucket), year=log.year, editions=world.vault.editions
                )
            ],
            world.clock(),
            world.vault.installation.ledger_host,
        )
    return met.value


def test_uses_are_served_again_after_one_answer_and_proven_across_both_logs(world):
    app, person = world.app(), world.person()
    first = app.disclose(app.token_for(person))
    _publish(world)
    behind = app.disclose(app.token_for(person))
    token = app.token_for(person)
    log, signer = _log_of(first), Signer.of(world.vault)

    made = give_up(world.vault.data, signer, log, [], "A test.", world.clock())

    # The batcher tries what was refused once more by itself, so that the caller may not even notice.
    after = app.disclose(token)
    assert after.status_code in {200, 503}
    if after.status_code == 503:
        assert after.headers["retry-after"] == "1"
        after = app.disclose(app.token_for(person))
    assert _log_of(after) == made.next
    assert after.json()["ledger"]["log"].endswith(f"/{log.year}.2/{log.bucket}")

    for _ in relog(world.vault, log, world.clock()):
        pass
    _publish(world)
    page = person.get("/en/uses").text
    verdicts = [
        verify_bundle(person.get(path).content)
        for path in set(re.findall(r'href="(/en/uses/ds_\w+/bundle)"', page))
    ]
    assert all(verdict.ok for verdict in verdicts)
    places = {(one.entries[0].origin, one.entries[0].index) for one in verdicts}
    assert len(places) == 3
    assert {origin.split("/")[-2] for origin, _ in places} == {str(log.year), f"{log.year}.2"}
    assert (behind.json()["ledger"]["log"], behind.json()["ledger"]["index"]) not in places


def test_an_answer_that_met_the_end_of_a_log_says_to_come_again_at_once(world):
    """Approving writes by itself, so nobody else tries it again."""
    person, app = world.person(), world.app()
    log = _log_of(app.disclose(app.token_for(person)))
    give_up(world.vault.data, Signer.of(world.vault), log, [], "A test.", world.clock())

    refused = as_problem(_met(world, log))

    assert (refused.status, refused.code) == (503, "ledger.wrong_log")
    assert refused.headers["Retry-After"] == "1"
    assert app.disclose(app.token_for(person)).status_code == 200


def test_the_reason_and_both_keys_are_public(world):
    app, person = world.app(), world.person()
    log = _log_of(app.disclose(app.token_for(person)))
    _publish(world)
    where = f"/log/{log.year}/{log.bucket}/incident"
    assert world.http.get(where).status_code == 404

    made = give_up(world.vault.data, Signer.of(world.vault), log, [], "A disk lied.", world.clock())
    _publish(world)

    text = world.http.get(where)
    assert text.headers["content-type"].startswith("text/plain")
    assert "A disk lied." in text.text
    with world.vault.data.read() as conn:
        ((_, body),) = entries(conn, made.next, [0])
    opening = parse(body)
    assert isinstance(opening, Opening)
    assert opening.incident_sha256 == hashlib.sha256(text.content).digest()
    keys = [VerifierKey.parse(line) for line in world.http.get("/log/keys").text.splitlines()]
    shown = world.http.get(f"/log/{log.year}.2/{log.bucket}/checkpoint").content
    assert checkpoint.verify(shown, keys).origin.endswith(f"/{log.year}.2/{log.bucket}")
    assert {parse_origin(key.name)[1] for key in keys} >= {log, made.next}


def test_a_stolen_key_is_told_to_nobody(world):
    app, person = world.app(), world.person()
    log = _log_of(app.disclose(app.token_for(person)))
    _publish(world)

    give_up(world.vault.data, Signer.of(world.vault), log, [], "It got out.", world.clock(), stolen=True)
    _publish(world)

    keys = [VerifierKey.parse(line) for line in world.http.get("/log/keys").text.splitlines()]
    assert log not in {parse_origin(key.name)[1] for key in keys}


def test_other_spellings_of_a_year_are_no_log(world):
    for year in ("2026.1", "2026.02", "12026", "x", "2026."):
        assert world.http.get(f"/log/{year}/0/checkpoint").status_code == 404
