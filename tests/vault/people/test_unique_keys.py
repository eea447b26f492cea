"""The places of key values: one person each, found by place or by whose they are."""

from vault.ids import Bucket, new_subject
from vault.people.drafts import UniqueKey
from vault.people.unique_keys import (
    CLAIM,
    HELD,
    OWNERS,
    PASS_ON,
    RELEASE,
    RELEASE_KINDS,
    TAKEN_PLACES,
    held_by,
    place,
)


def key(number: int, kind: int = 65) -> UniqueKey:
    return UniqueKey(bucket=Bucket(0), kind=kind, epoch=1, tag=number)


def test_a_place_is_taken_once_and_only_its_owner_gives_it_back(backend):
    one, two = new_subject(), new_subject()
    with backend.data.write() as conn:
        assert sorted(CLAIM(conn, held_by(one, [key(2), key(-1)]))) == [place(key(-1)), place(key(2))]
        assert CLAIM(conn, held_by(two, [key(2), key(3)])) == [place(key(3))]
        RELEASE(conn, held_by(two, [key(2), key(3)]))
        assert OWNERS(conn, [place(key(n)) for n in (3, 2)]) == [(1, one)]
        assert TAKEN_PLACES(conn, [place(key(n)) for n in (3, 2)]) == [(1,)]


def test_places_pass_on_to_somebody_and_no_others_do(backend):
    one, two, three = new_subject(), new_subject(), new_subject()
    with backend.data.write() as conn:
        CLAIM(conn, [*held_by(one, [key(1)]), *held_by(two, [key(2)])])
        PASS_ON(conn, held_by(one, [key(1), key(2)]), keep=three)
        assert dict(OWNERS(conn, [place(key(1)), place(key(2))])) == {0: three, 1: two}


def test_what_somebody_has_is_found_and_given_back_by_kind(backend):
    one, two = new_subject(), new_subject()
    with backend.data.write() as conn:
        CLAIM(conn, [*held_by(one, [key(1), key(5, 129)]), *held_by(two, [key(2)])])
        people = [(Bucket(7), one), (Bucket(8), new_subject())]
        assert sorted(HELD(conn, people)) == [(7, one, 65, 1, 1), (7, one, 129, 1, 5)]
        RELEASE_KINDS(conn, [(65, one), (129, two)])
        assert HELD(conn, people) == [(7, one, 129, 1, 5)]
        assert HELD(conn, [(Bucket(8), two)]) == [(8, two, 65, 1, 2)]
