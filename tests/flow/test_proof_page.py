"""A proof explained on a page: of one's own use, and of a file that anybody brings."""

import dataclasses
import random
import re
from html import unescape

import pytest

from api.cli.prove import place_of_use
from api.jobs.publisher import Publisher
from api.portal.posted import MOST_UPLOADED
from consent.ledger.append import append
from consent.ledger.bundles import container, layout, weigh
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.bundles.entry_proof import prove_entry
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.bundles.vouching import vouching
from consent.ledger.entries.commitment import Opening, commit
from consent.ledger.formats import cosignature, note
from consent.ledger.formats.policy import NO_WITNESSES
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import leaf_hash
from tests.consent.ledger.kit import LOG, NOW, an_item
from tests.flow.installation import BROWSER, ZHANG, Person


def _used(world, times=1):
    """A person with published uses, and the names of these uses."""
    app, person = world.app(), world.person()
    for _ in range(times):
        assert app.disclose(app.token_for(person)).status_code == 200
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()
    return person, re.findall(r'href="/en/uses/(ds_\w+)/bundle"', person.get("/en/uses").text)


def _stranger(world):
    return Person(world, "", None, "en")


def _upload(browser, data, **members):
    token = browser.csrf(browser.get(f"/{browser.lang}/proof"))
    return browser.upload(f"/{browser.lang}/proof", {"csrf": token, **members}, bundle=data)


def test_a_person_sees_the_way_of_their_use_from_its_bytes_to_the_signed_root(world):
    person, (name,) = _used(world)
    verdict = verify_bundle(person.get(f"/en/uses/{name}/bundle").content)

    page = unescape(person.get(f"/en/uses/{name}/proof").text)

    (proven,), (head,) = verdict.entries, verdict.checkpoints
    steps = (head.size - 1).bit_length()
    for shown in (proven.leaf.hex(), head.root.hex(), head.text, proven.entry.commitment.hex()):
        assert shown in page
    assert str(Signer.of(world.vault).key(head.origin)) in page
    assert "Its key is the one of this service" in page
    assert 1 <= len(re.findall(r'<th scope="row">', page)) <= steps
    assert re.search(r'<svg [^>]*role="img" aria-labelledby="drawn-title drawn-text"', page)


def test_the_way_is_linked_from_the_page_of_uses(world):
    person, (name,) = _used(world)

    page = person.get("/en/uses").text

    assert f'href="/en/uses/{name}/proof"' in page
    assert 'href="/en/proof"' in page


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_a_stranger_has_a_file_explained_without_signing_in(world, lang):
    person, (name,) = _used(world)
    data = person.get(f"/en/uses/{name}/bundle").content
    stranger = _stranger(world)
    stranger.lang = lang

    answer = _upload(stranger, data)

    assert answer.status_code == 200
    assert verify_bundle(data).checkpoints[0].root.hex() in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_of_several_entries_the_one_that_was_asked_for_is_explained(world):
    person, _ = _used(world, times=3)
    data = person.get("/en/uses/all.zip").content
    entries = verify_bundle(data).entries

    first, last = _upload(person, data), _upload(person, data, entry=str(entries[-1].index))
    other = _upload(person, data, entry="999999")

    assert entries[0].leaf.hex() in first.text
    assert f"Entry number {entries[-1].index} of" in last.text
    assert entries[-1].leaf.hex() in last.text
    assert (other.status_code, "no entry of that number" in other.text) == (422, True)
    assert _upload(person, data, entry="²").status_code == 422


def test_a_changed_byte_is_told_with_its_place(world):
    person, (name,) = _used(world)
    data = bytearray(person.get(f"/en/uses/{name}/bundle").content)
    data[data.index(b"tlog-proof@v1")] ^= 1

    answer = _upload(_stranger(world), bytes(data))

    assert answer.status_code == 422
    assert "This file does not hold" in answer.text
    assert "<svg" not in answer.text


def test_a_log_of_somebody_else_is_not_called_ours(world, backend):
    opening = Opening(bytes(32), (("recipient", "rc_1"),))
    item = dataclasses.replace(an_item(random.Random(1)), commitment=commit(opening.secret, opening.fields))
    with backend.data.write() as conn:
        append(conn, [item], NOW, "elsewhere.example/perusal")
    signer = Signer("elsewhere.example/perusal", bytes(32))
    publish(backend.data, signer, NOW)
    data = build(backend.data, signer, [Evidence(log=LOG, idx=0, opening=opening)], receipt_keys=[])

    page = unescape(_upload(_stranger(world), data).text)

    assert "This service does not know it" in page
    assert "its hash is the root" in page


def test_what_is_no_proof_file_is_refused_and_not_repeated(world):
    stranger = _stranger(world)
    for data in (b"PK\x03\x04", ZHANG["phone"].encode(), bytes(1000)):
        answer = _upload(stranger, data)
        assert answer.status_code == 422
        assert ZHANG["phone"] not in answer.text

    assert "Choose a file first" in _upload(stranger, b"").text


def test_a_file_above_the_limit_is_refused_before_it_is_looked_at(world):
    answer = _upload(_stranger(world), bytes(MOST_UPLOADED))

    assert answer.status_code == 413


def test_a_member_that_is_not_text_is_bad_input(world):
    stranger = _stranger(world)
    token = stranger.csrf(stranger.get("/en/proof"))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + token.encode() + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="entry"\r\n\r\n\xff\r\n--x--\r\n'
    )
    for content in (body, body[:40], b""):
        answer = world.http.request(
            "POST",
            "/en/proof",
            content=content,
            headers={
                **BROWSER,
                "Content-Type": "multipart/form-data; boundary=x",
                "Cookie": "; ".join(f"{name}={value}" for name, value in stranger.cookies.items()),
            },
        )
        assert answer.status_code in {400, 403}, answer.text


def test_nobody_sees_the_proof_of_somebody_else_s_use(world):
    _, (name,) = _used(world)
    other = world.person({"name": "李四", "phone": "13912345678"})
    other.sign_in()

    assert other.get(f"/en/uses/{name}/proof").status_code == 404
    assert _stranger(world).get(f"/en/uses/{name}/proof").status_code in {303, 401}


def test_an_operator_proves_the_same_entry_by_the_name_of_the_use(world):
    person, (name,) = _used(world)
    (proven,) = verify_bundle(person.get(f"/en/uses/{name}/bundle").content).entries

    log, idx = place_of_use(world.vault, name)
    with world.vault.data.read() as conn:
        found = prove_entry(conn, log, idx, NO_WITNESSES)

    assert (idx, leaf_hash(found.body)) == (proven.index, proven.leaf)
    assert found.head.origin == proven.origin


def test_a_witness_of_the_uploaders_invention_is_not_named(world):
    person, (name,) = _used(world)
    members = container.read(person.get(f"/en/uses/{name}/bundle").content)
    invented = cosignature.key_of("regulator.example", bytes(32))
    (checkpoint,) = (data for member, data in members.items() if member.endswith("/checkpoint"))
    line = cosignature.sign(note.parse(checkpoint).text, invented, bytes(32), NOW // 1000)
    longer = checkpoint + str(line).encode()
    own = weigh.own_policy(members)
    vouched = vouching(own.logs, own.receipt_keys, [(invented,)])
    members = {member: data.replace(checkpoint, longer) for member, data in members.items()}
    data = container.write(members | {layout.POLICY_NAME: vouched.text.encode()})
    assert verify_bundle(data).ok

    page = unescape(_upload(_stranger(world), data).text)

    assert "regulator.example" not in page
    assert "No witness known here has cosigned" in page
    assert "by keys that this service does not know, and so does not name: 1." in page
