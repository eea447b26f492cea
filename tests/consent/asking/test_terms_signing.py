"""No grant without the recipient's own signature under what it owes: at publication, or in the request itself."""

import json

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError

from consent.approving.approve import approve
from consent.asking import terms_signing
from consent.asking.signed_requests import signature_hash
from consent.errors import BadTerms
from consent.recipients import register as recipients
from consent.recipients import suspensions
from consent.recipients.register import Program
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import consent_grant, notice_showing, terms_signature
from consent.wording import terms
from tests.consent.wording.signatures import terms_jws
from tests.consent.world import KEY, REDIRECT


def published(world, app, version=2, text="We owe you for leaks, in words of our own."):
    """New terms of an app, which nobody has signed."""
    with world.vault.data.write() as conn:
        return terms.publish(
            conn, app.client.recipient.id, version, text, "700.00", "CNY", "9000.00", world.now
        )


def sign(world, owed, text):
    with world.vault.data.write() as conn:
        return terms_signing.sign(conn, owed.id, text, world.now)


def liability(owed):
    return {"liability": {"terms": owed.id, "hash": owed.hash}}


def test_a_signature_is_kept_with_the_key_that_made_it_and_names_the_terms_from_then_on(world):
    app = world.app()
    owed = published(world, app)
    text = terms_jws(KEY, owed.hash)

    digest = sign(world, owed, text)

    with world.vault.data.read() as conn:
        kept = terms_signing.signature(conn, owed.id)
        again = terms.terms(conn, owed.id)
    assert (owed.signature(None), owed.signature("sha-256:r")) == (None, "sha-256:r")
    assert (again.signature(None), again.signature("sha-256:r")) == (digest, "sha-256:r")
    assert again.signature_hash == digest == kept.hash == signature_hash(text)
    assert (kept.client_id, kept.text, kept.signed_at) == (app.client.client_id, text, world.now)
    head, _, tail = kept.text.split(".")
    payload = terms_jws(KEY, owed.hash).split(".")[0]
    assert payload == head
    whole = jws.serialize_compact({"alg": "ES256"}, owed.hash.encode(), KEY, algorithms=["ES256"]).split(".")[
        1
    ]
    foreign = jws.deserialize_compact(
        f"{head}.{whole}.{tail}", ECKey.import_key(json.loads(kept.jwk)), algorithms=["ES256"]
    )
    assert foreign.payload == owed.hash.encode()


def test_unsigned_terms_are_not_put_before_anybody(world):
    app = world.app()
    owed = published(world, app)

    refused = world.push(app, **liability(owed))
    sign(world, owed, terms_jws(KEY, owed.hash))

    assert refused == Refusal(code=RefusalCode.DETAILS_UNSIGNED_TERMS, at="/0/liability")
    assert world.approve(app, world.person(), **liability(owed))


def test_the_data_base_itself_refuses_a_grant_under_terms_nobody_signed(world, monkeypatch):
    app, person = world.app(), world.person()
    owed = published(world, app)
    shown = world.show(app, person)
    with world.vault.data.write() as conn:
        row = dict(conn.execute(select(notice_showing)).one()._mapping)
        row |= {
            "id": bytes([*row["id"][:-1], row["id"][-1] ^ 1]),
            "terms_id": owed.id,
            "terms_hash": owed.hash,
        }
        conn.execute(insert(notice_showing).values(row))

    with pytest.raises(DatabaseError, match="terms that the recipient has not signed"):
        approve(world.vault, person, row["id"], None, world.now)
    with world.vault.data.read() as conn:
        assert conn.execute(select(consent_grant)).all() == []
    assert approve(world.vault, person, shown.id, None, world.now)


def test_only_a_signature_by_a_key_of_this_recipient_under_these_very_terms_counts(world):
    app, other = world.app(), world.app(name="Other Ltd")
    owed, elsewhere = published(world, app), published(world, other)
    whole = jws.serialize_compact(
        {"alg": "ES256", "typ": terms_signing.KIND}, owed.hash.encode(), KEY, algorithms=["ES256"]
    )
    stranger = ECKey.generate_key("P-256", {"kid": "k1"})

    for text in (
        "",
        "..",
        whole,
        terms_jws(KEY, elsewhere.hash),
        terms_jws(KEY, owed.hash + " "),
        terms_jws(stranger, owed.hash),
        terms_jws(KEY, owed.hash, typ=None),
        terms_jws(KEY, owed.hash, typ="JWT"),
        terms_jws(KEY, owed.hash, kid="nobody"),
        terms_jws(KEY, owed.hash)[:-4] + "AAAA",
    ):
        with pytest.raises(BadTerms):
            sign(world, owed, text)
    with pytest.raises(BadTerms), world.vault.data.write() as conn:
        terms_signing.sign(conn, "lt_nobody", terms_jws(KEY, owed.hash), world.now)


def test_any_client_of_the_recipient_may_sign_unless_it_is_suspended(world):
    app = world.app()
    owed, key = published(world, app), OKPKey.generate_key("Ed25519", {"kid": "legal"})
    program = Program(label="legal", redirect_uris=[REDIRECT], jwks={"keys": [key.as_dict(private=False)]})
    with world.vault.data.write() as conn:
        legal = recipients.add_client(conn, app.client.recipient.id, program, world.now)
        suspensions.suspend(conn, legal, "left the company", world.now)
    with pytest.raises(BadTerms):
        sign(world, owed, terms_jws(key, owed.hash))
    with world.vault.data.write() as conn:
        suspensions.resume(conn, legal, "came back", world.now)

    sign(world, owed, terms_jws(key, owed.hash))

    with world.vault.data.read() as conn:
        assert terms_signing.signature(conn, owed.id).client_id == legal


def test_a_signature_stays_when_the_key_that_made_it_goes(world):
    app = world.app()
    owed = published(world, app)
    sign(world, owed, terms_jws(KEY, owed.hash))
    new = ECKey.generate_key("P-256")

    with world.vault.data.write() as conn:
        recipients.replace_keys(conn, app.client.client_id, {"keys": [new.as_dict(private=False)]}, None)

    assert world.approve(app, world.person(), **liability(owed))


def test_terms_are_signed_once(world):
    app = world.app()
    owed = published(world, app)
    text = terms_jws(KEY, owed.hash)

    assert sign(world, owed, text) == sign(world, owed, text)
    with pytest.raises(BadTerms):
        sign(world, owed, terms_jws(KEY, owed.hash))
    for change in (delete(terms_signature), update(terms_signature).values(hash="x")):
        with pytest.raises(DatabaseError), world.vault.data.write() as conn:
            conn.execute(change)


def test_a_notice_can_not_pretend_that_the_request_was_signed(world):
    app = world.app()
    owed = published(world, app)
    sneaky = '"terms_signature":"sha-256:x"'

    refused = world.push(app, recipient=None, locations=[sneaky], **liability(owed))

    assert refused == Refusal(code=RefusalCode.DETAILS_UNSIGNED_TERMS, at="/0/liability")
