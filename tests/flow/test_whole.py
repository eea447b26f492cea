"""One download in which the ledger says: these are all."""

from api.jobs.publisher import Publisher
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.entries.entry import Kind
from consent.ledger.indexes import indexing
from consent.ledger.publishing.memory import Memory


def _publish(world):
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()


def _indexed(world):
    _publish(world)
    indexing.make_due(world.vault.data, world.vault.installation.ledger_host, world.clock())
    _publish(world)


def test_the_download_proves_that_every_use_is_in_it(world):
    app, person = world.app(), world.person()
    used = [app.disclose(app.token_for(person)).json() for _ in range(2)]
    _indexed(world)

    answer = person.get("/en/uses/all.zip")
    verdict = verify_bundle(answer.content)

    assert answer.status_code == 200
    assert verdict.ok
    assert {one["ledger"]["index"] for one in used} <= {item.index for item in verdict.entries}
    assert [one.count for one in verdict.complete] == [max(item.entry.n for item in verdict.entries)]


def test_a_person_without_any_use_hears_so_with_proof(world):
    person = world.person()
    person.sign_in()
    _indexed(world)

    verdict = verify_bundle(person.get("/en/uses/all.zip").content)

    # Being enrolled is the one entry; nobody has read anything.
    assert verdict.ok
    assert [one.entry.kind for one in verdict.entries] == [Kind.ENROL]
    assert [one.count for one in verdict.complete] == [1]


def test_before_the_first_index_there_is_nothing_to_say_it_with(world):
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))
    _publish(world)

    verdict = verify_bundle(person.get("/en/uses/all.zip").content)

    assert verdict.ok
    assert verdict.complete == ()


def test_where_nothing_can_be_said_yet_the_answer_says_so(world):
    person = world.person()
    person.sign_in()
    _publish(world)

    assert person.get("/en/uses/all.zip").status_code == 409


def test_a_stranger_gets_nothing(world):
    assert world.http.get("/en/uses/all.zip", follow_redirects=False).status_code in {302, 303, 401}
