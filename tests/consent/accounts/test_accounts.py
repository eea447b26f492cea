"""Sign-in keys and single acceptance of proofs and assertions."""

from sqlalchemy import select

from consent.accounts import keys as accounts
from consent.schema.tables import consumer
from consent.signing.replay import KEEP_MS, forget_expired, remember
from tests.vault.people import made_up as people


def opened(world, count, langs):
    created = people.enrol(world.vault, range(count), world.now)
    with world.vault.data.write() as conn:
        keys, writing = accounts.new_accounts(created, world.now, langs)
        writing.alone(conn)
        return created, keys


def test_a_sign_in_key_opens_its_account_and_is_stored_as_a_digest_only(world):
    created, keys = opened(world, 3, ["en", "zh-CN", "en"])

    with world.vault.data.read() as conn:
        found = [accounts.sign_in(conn, key) for key in keys]
        stored = conn.execute(select(consumer)).all()

    assert [(c.bucket, c.subject) for c in found] == [(p.bucket, p.subject) for p in created]
    assert [c.lang for c in found] == ["en", "zh-CN", "en"]
    assert all(key not in str(row) for key in keys for row in stored)


def test_wrong_and_malformed_keys_open_nothing(world):
    _, (key,) = opened(world, 1, ["en"])
    with world.vault.data.read() as conn:
        assert accounts.sign_in(conn, key) is not None
        swapped = key[:-1] + ("A" if key[-1] != "A" else "B")
        for wrong in ("", "sik_", swapped, key.replace("sik_", "ses_"), "密钥", key + " "):
            assert accounts.sign_in(conn, wrong) is None


def test_a_key_of_a_kind_is_accepted_once_until_it_is_forgotten(world):
    with world.vault.data.write() as conn:
        first = [
            remember(conn, world.vault.installation.buckets, kind, b"jti", world.now)
            for kind in ("dpop", "assertion", "dpop")
        ]
        assert first == [True, True, False]
        assert forget_expired(conn, world.now + KEEP_MS) == 0
        assert not remember(conn, world.vault.installation.buckets, "dpop", b"jti", world.now)
        assert forget_expired(conn, world.now + KEEP_MS + 1) == 2
        assert remember(conn, world.vault.installation.buckets, "dpop", b"jti", world.now)
