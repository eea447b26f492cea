"""A file that is in an older one accuses nobody anew; one that holds news does."""

import hashlib

import pytest

from breach.intake.quarantine import PREFIX
from breach.pipeline.run import trace
from breach.tables import dump_sketch
from tests.breach.leaks import HOUR, row
from tests.breach.test_pipeline import count, take
from vault.ids import encode_id
from vault.tags import Probe
from vault.tags.sketch import SIZE, Sketch, contained


class Keys:
    index_epoch = 1
    tag_epochs = (1,)

    def index_key(self, kind, epoch=None):
        return hashlib.sha256(bytes([kind, epoch or 1])).digest()


def sample(numbers, packed=b""):
    made = Sketch(Keys(), packed)
    made.add(Probe("phone", f"138{n:08d}") for n in numbers)
    return made


@pytest.mark.parametrize("share", [0.0, 0.5, 0.97, 1.0])
def test_the_share_of_one_file_in_a_larger_one_is_estimated_from_their_samples(share):
    inside = round(10_000 * share)
    mine = sample(range(30_000 - inside, 40_000 - inside)).pack()
    theirs = sample(range(30_000)).pack()

    assert len(mine) == len(theirs) == 8 * SIZE
    assert contained(mine, theirs) == pytest.approx(share, abs=0.04)


def test_small_files_are_compared_whole_and_tiny_ones_not_at_all():
    assert contained(sample(range(100)).pack(), sample(range(50, 150)).pack()) == 0.5
    assert contained(sample(range(29)).pack(), sample(range(100)).pack()) is None


def test_a_sample_that_was_put_away_goes_on_as_if_it_had_not_been():
    whole = sample(range(9_000))
    half = sample(range(5_000))

    assert sample(range(4_000, 9_000), half.pack()).pack() == whole.pack()
    assert whole.add([Probe("phone", f"138{n:08d}") for n in range(9_000)]) is False


def lines(numbers):
    return "\n".join(row(n)[1] for n in numbers).encode()


def test_a_part_of_an_older_file_is_a_repost_and_accuses_nobody(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    older = take(vault, lines(range(40, 88)), tmp_path, now)
    first = trace(vault, older, now_ms=now)

    again = take(vault, lines(reversed(range(45, 85))), tmp_path, now + HOUR)
    second = trace(vault, again, now_ms=now + HOUR)

    assert first.suspects == (small_town.recipient("shop"),)
    assert first.body["repost"] is None
    assert second.body["repost"] == {"of": encode_id(PREFIX, older.id), "share": 1.0}
    assert (second.outcome, second.suspects, second.suspect_sets) == ("repost", (), ())
    assert second.people_found == 40
    assert "is a repost: 100.0%" in second.body["statement"]["en"][0]
    assert "重复发布" in second.body["statement"]["zh-CN"][0]
    assert count(vault, dump_sketch) == 2


def test_a_file_that_holds_more_than_the_older_ones_is_news(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    trace(vault, take(vault, lines(range(40, 80)), tmp_path, now), now_ms=now)

    wider = trace(vault, take(vault, lines(range(40, 88)), tmp_path, now + HOUR), now_ms=now + HOUR)

    assert wider.body["repost"] is None
    assert wider.suspects == (small_town.recipient("shop"),)
