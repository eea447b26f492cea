"""A log's key is replaced: what outsiders are told over HTTP, before, in the overlap and after."""

import re

from api.jobs.publisher import Publisher
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.formats import checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.origin import parse_origin
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.log_keys import OVERLAP_MS
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer


def _keys(world):
    return [VerifierKey.parse(line) for line in world.http.get("/log/keys").text.splitlines()]


def test_outsiders_are_told_of_both_keys_while_both_sign_and_a_persons_bundle_holds(world):
    app, person = world.app(), world.person()
    log = parse_origin(app.disclose(app.token_for(person)).json()["ledger"]["log"])[1]
    publisher = Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1)
    publisher.publish_once()
    before = [key for key in _keys(world) if parse_origin(key.name)[1] == log]

    new = log_keys.rotate(world.vault.data, Signer.of(world.vault), log, world.clock())
    publisher.publish_once()

    shown = world.http.get(f"/log/{log.year}/{log.bucket}/checkpoint").content
    assert [key for key in _keys(world) if key.name == new.name] == [*before, new]
    assert checkpoint.verify(shown, before) == checkpoint.verify(shown, [new])
    path = re.search(r'href="(/en/uses/ds_\w+/bundle)"', person.get("/en/uses").text)[1]
    assert verify_bundle(person.get(path).content).ok
    world.clock.pass_seconds(OVERLAP_MS // 1000)
    assert [key for key in _keys(world) if key.name == new.name] == [new]
