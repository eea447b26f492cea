"""The key cache: bounded in age and in number."""

from vault.keys.cache import KeyCache


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def cache(**options):
    clock = Clock()
    return KeyCache(clock=clock, **options), clock


def test_an_entry_is_answered_until_its_time_is_over():
    keys, clock = cache(ttl=60.0)
    keys.put([("a", 1)])
    clock.now += 59.9
    assert keys.take(["a", "b"]) == {"a": 1}
    clock.now += 0.1
    assert keys.take(["a"]) == {}


def test_reading_an_entry_does_not_make_it_younger():
    keys, clock = cache(ttl=60.0)
    keys.put([("a", 1)])
    for _ in range(6):
        clock.now += 9.0
        keys.take(["a"])
    clock.now += 6.0
    assert keys.take(["a"]) == {}


def test_the_least_recently_used_goes_first():
    keys, _ = cache(capacity=2)
    keys.put([("a", 1), ("b", 2)])
    keys.take(["a"])
    keys.put([("c", 3)])
    assert keys.take(["a", "b", "c"]) == {"a": 1, "c": 3}


def test_a_dropped_entry_is_gone_and_dropping_twice_is_no_error():
    keys, _ = cache()
    keys.put([("a", 1)])
    keys.drop(["a"])
    keys.drop(["a"])
    assert keys.take(["a"]) == {}


def test_what_was_read_before_a_drop_is_not_put_after_it():
    keys, _ = cache()
    mark = keys.mark()
    keys.put([("a", 1)], since=mark)
    keys.drop(["b"])
    keys.put([("b", 2)], since=mark)
    assert keys.take(["a", "b"]) == {"a": 1}
    keys.put([("b", 2)], since=keys.mark())
    assert keys.take(["b"]) == {"b": 2}


def test_clearing_forgets_everything_and_what_was_being_read():
    keys, _ = cache()
    keys.put([("a", 1)])
    mark = keys.mark()
    keys.clear()
    keys.put([("a", 1)], since=mark)
    assert keys.take(["a"]) == {}
