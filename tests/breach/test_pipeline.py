"""A dump from upload to report: what is found, who is named, what a second run and a crash change."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from breach.errors import DumpDamaged, DumpRefused, NotTraced, UnknownDump
from breach.intake import isolated, quarantine
from breach.intake.quarantine import Upload, receive
from breach.matching.rows import Matcher
from breach.pipeline import matching
from breach.pipeline import run as pipeline
from breach.pipeline.report import report_json
from breach.pipeline.run import trace
from breach.pipeline.task import load
from breach.stages import TraceBusy
from breach.tables import dump, dump_custody, trace_item, trace_stage
from breach.tables import trace as trace_table
from consent.ids import grant_text
from consent.redemption.disclose import Disclosure, disclose_many
from tests.breach.leaks import HOUR, row, write
from tests.breach.packing import zipped
from tests.vault.people.made_up import change
from vault.people.honey import alarms, watch_over
from vault.reading.records import people


def take(vault, raw, tmp_path, now, size=1000):
    return receive(
        vault, (raw[at : at + size] for at in range(0, len(raw), size)), tmp_path / "q", now_ms=now
    )


def count(vault, table):
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_recipient_who_lost_the_file_is_named_and_every_line_accounted_for(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    seen = []

    report = trace(
        vault, take(vault, lost, tmp_path, now), now_ms=now, progress=lambda *step: seen.append(step)
    )

    assert report.suspects == (small_town.recipient("shop"),)
    assert report.outcome == "named"
    assert report.people_found == 45
    assert report.body["format"]["encoding"] == "gb18030"
    assert report.body["lines"]["reconciled"] is True
    assert report.body["lines"]["ragged"] == 2
    assert report.body["cells"]["rows_agreed"] == 45
    assert report.body["cells"]["rows_conflicting"] == 1
    assert report.body["cells"]["masked"] == {"phone": 1, "email": 1}
    assert report.body["people"]["found_fully"] == 44
    assert report.body["people"]["never_disclosed"] == 40
    parcel = next(line for line in report.body["ranking"] if line.get("name") == "Parcel Ltd")
    assert parcel["values_never_received"] == 15  # the e-mail addresses of the 15 people it shares
    assert {line["kind"] for line in report.body["ranking"]} == {"recipient", "own_store", "elsewhere"}
    assert [stage for stage, _, _ in seen][-1] == "report"
    assert all(done <= total for _, done, total in seen)


def test_neither_report_nor_rows_nor_files_hold_a_value_of_anybody(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now

    report = trace(vault, take(vault, lost, tmp_path, now), now_ms=now)

    text = report_json(report)
    for number in range(90):
        assert not any(value in text for value in row(number))
    assert not re.search(r"1[3-9]\d{9}(?!\d)", re.sub(r'"(before|received_at)":\d+', "", text))
    sealed = b"".join(path.read_bytes() for path in (tmp_path / "q").iterdir())
    assert row(41)[1].encode() not in sealed
    with vault.data.read() as conn:
        stored = repr(conn.execute(select(trace_item)).all()) + repr(conn.execute(select(trace_stage)).all())
    assert row(41)[1] not in stored


def test_the_statement_speaks_two_languages_and_never_of_the_chance_of_guilt(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now

    body = trace(vault, take(vault, lost, tmp_path, now), now_ms=now).body

    for part in ("statement", "assumptions"):
        assert len(body[part]["en"]) == len(body[part]["zh-CN"]) >= 4
    words = json.dumps([body["statement"], body["assumptions"]], ensure_ascii=False)
    assert "probability that" not in words
    assert "概率" not in words
    assert "Shop Ltd" in body["statement"]["en"][0]
    assert "Shop Ltd" in body["statement"]["zh-CN"][0]


def test_the_same_dump_asked_the_same_question_is_answered_from_the_shelf(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    first = trace(vault, take(vault, lost, tmp_path, now), now_ms=now)

    again = take(vault, lost, tmp_path, now + HOUR)
    second = trace(vault, again, now_ms=now + HOUR)

    assert again.again is True
    assert report_json(second) == report_json(first) == report_json(load(vault, first.id))
    assert (count(vault, dump), count(vault, trace_table)) == (1, 1)
    assert [one["event"] for one in quarantine.custody(vault, again.id)] == [
        "received",
        "read",
        "received_again",
    ]
    assert len(list((tmp_path / "q").iterdir())) == 1


def test_a_trace_cut_short_goes_on_where_it_stopped_and_ends_the_same(
    small_town, lost, tmp_path, monkeypatch
):
    """The file comes in seven members of an archive, because each begins a block of its own."""
    vault, now = small_town.vault, small_town.world.now
    lines = lost.splitlines(keepends=True)[1:]
    parts = [b"".join(lines[at : at + 11]) for at in range(0, len(lines), 11)]
    kept = take(vault, zipped(parts), tmp_path, now)
    batches, original = [], Matcher.match

    def fails_in_the_fourth(self, conn, rows):
        batches.append(len(rows))
        if len(batches) == 4:
            raise KeyboardInterrupt
        return original(self, conn, rows)

    monkeypatch.setattr(Matcher, "match", fails_in_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        trace(vault, kept, now_ms=now)
    with vault.data.read() as conn:
        unfinished = conn.execute(select(trace_table.c.id)).scalar_one()
    with pytest.raises(NotTraced):
        load(vault, unfinished)
    resumed = trace(vault, kept, now_ms=now + 1)

    assert resumed.id == unfinished
    assert sum(batches[:3]) + sum(batches[4:]) == resumed.body["cells"]["rows"] == 77
    assert resumed.suspects == (small_town.recipient("shop"),)
    assert resumed.people_found == 45


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (bytes(range(256)) * 9, "binary_file"),
        (b"\xff\xff\xff,13812345678\n" * 30, "unreadable_encoding"),
        (b"colour,size\nred,3\n", "no_identifier_column"),
    ],
)
def test_a_file_that_is_no_dump_leaves_neither_row_nor_file(vault, tmp_path, now, raw, code):
    with pytest.raises(DumpRefused) as refused:
        take(vault, raw, tmp_path, now)

    assert refused.value.code == code
    assert (count(vault, dump), count(vault, dump_custody)) == (0, 0)
    assert list((tmp_path / "q").iterdir()) == []


def test_an_upload_that_breaks_off_or_grows_too_large_leaves_nothing(vault, tmp_path, now):
    def breaks_off():
        yield b"13812345678\n" * 100
        raise ConnectionError

    with pytest.raises(ConnectionError):
        receive(vault, breaks_off(), tmp_path / "q", now_ms=now)
    with pytest.raises(DumpRefused) as refused:
        receive(vault, [b"13812345678\n"] * 100, tmp_path / "q", now_ms=now, limit=500)

    assert refused.value.code == "file_too_large"
    assert list((tmp_path / "q").iterdir()) == []
    assert count(vault, dump) == 0


def test_what_a_killed_upload_left_is_swept_away_and_nothing_of_one_that_goes_on(vault, tmp_path, now):
    with Upload(vault, tmp_path / "q") as one:
        one.write(b"13812345678\n" * 9_000)
        (tmp_path / "q" / "dead.part").write_bytes(b"sealed, and nobody knows it")

        take(vault, b"13912345678\n" * 9, tmp_path, now)
        kept = one.finish(now)

    assert not (tmp_path / "q" / "dead.part").exists()
    assert kept.path.exists()
    assert count(vault, dump) == len(list((tmp_path / "q").iterdir())) == 2


def test_a_damaged_sealed_file_is_an_alarm_and_no_report(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    kept = take(vault, lost, tmp_path, now)
    raw = bytearray(kept.path.read_bytes())
    raw[-1] ^= 1
    kept.path.write_bytes(raw)

    with pytest.raises(DumpDamaged):
        trace(vault, kept, now_ms=now)


def test_a_list_of_phone_numbers_alone_is_enough(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    numbers = "\n".join(row(n)[1] for n in range(40, 88)).encode()

    report = trace(vault, take(vault, numbers, tmp_path, now), now_ms=now)

    assert report.people_found == 48
    assert report.body["people"]["test_fields"] == ["phone"]
    assert report.suspects == (small_town.recipient("shop"),)


def test_only_what_was_delivered_before_and_in_that_version_speaks_against_a_recipient(small_town, tmp_path):
    """Customers change their numbers, the old ones turn up; the parcel service read most only after the change."""
    vault, world = small_town.vault, small_town.world
    old = [row(n)[1] for n in range(40, 88)]
    for n in range(40, 88):
        change(vault, small_town.people[n].subject, "phone", f"177{n:08d}", world.now)
    small_town.give("parcel", list(range(40, 70)), ["name", "phone"])
    world.tick(HOUR)

    report = trace(vault, take(vault, "\n".join(old).encode(), tmp_path, world.now), now_ms=world.now)

    found = {line["name"]: line["people_found"] for line in report.body["ranking"] if "name" in line}
    assert found == {"Shop Ltd": 48, "Parcel Ltd": 18, "Idle Ltd": 0}
    assert report.suspects == (small_town.recipient("shop"),)


def test_an_unknown_trace_or_dump_is_said_to_be_unknown(vault, tmp_path):
    with pytest.raises(UnknownDump):
        load(vault, bytes(16))
    with pytest.raises(UnknownDump):
        quarantine.find(vault, tmp_path, bytes(16))


def test_a_file_nobody_of_ours_is_in_accuses_nobody(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    raw = write(tmp_path / "x.csv", [["某人", f"188{n:08d}", f"s{n}@example.org"] for n in range(50)])

    report = trace(vault, take(vault, raw, tmp_path, now), now_ms=now)

    assert (report.outcome, report.people_found, report.suspects) == ("not_attributed", 0, ())


def test_progress_is_optional(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now

    report = pipeline.trace(vault, take(vault, lost, tmp_path, now), now_ms=now)

    assert json.loads(report_json(report))["trace"] == report.body["trace"]


def test_two_workers_cannot_both_move_one_trace(small_town, lost, tmp_path, monkeypatch):
    vault, now = small_town.vault, small_town.world.now
    kept = take(vault, lost, tmp_path, now)
    original, inner = Matcher.match, []

    def overtaken(self, conn, rows):
        if not inner:
            inner.append(None)
            inner[0] = trace(vault, kept, now_ms=now)
        return original(self, conn, rows)

    monkeypatch.setattr(Matcher, "match", overtaken)
    with pytest.raises(TraceBusy):
        trace(vault, kept, now_ms=now)

    assert report_json(trace(vault, kept, now_ms=now)) == report_json(inner[0])


def test_the_same_file_uploaded_by_many_at_once_is_one_dump(vault, tmp_path, now):
    raw = b"13812345678,someone@example.com\n" * 50

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda _: take(vault, raw, tmp_path, now), range(8)))

    assert len({one.id for one in kept}) == 1
    assert sum(not one.again for one in kept) == 1
    assert len(list((tmp_path / "q").iterdir())) == 1
    assert (
        sorted(one["event"] for one in quarantine.custody(vault, kept[0].id))
        == ["received"] + ["received_again"] * 7
    )


def test_honey_persons_in_a_dump_raise_one_alarm_each(small_town, lost, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    with vault.data.read() as conn:
        watch_over(vault, list(people(conn)), now)

    trace(vault, take(vault, lost, tmp_path, now), now_ms=now)

    vault.watch.settle()
    with vault.data.read() as conn:
        raised = alarms(conn)
        shown = set(conn.execute(select(trace_item.c.bucket, trace_item.c.subject)).all())
    assert {alarm.source for alarm in raised} == {"dump"}
    assert len(raised) == len({alarm.honey for alarm in raised}) == len(shown)


def test_a_dump_of_a_data_base_is_traced_like_any_list(small_town, tmp_path):
    """Two tables with columns in different places, half of it cut off, in one file."""
    vault, now = small_town.vault, small_town.world.now
    shop = ",".join(f"({n},'{row(n)[1]}','{row(n)[2]}')" for n in range(40, 70))
    more = ",".join(f"('{row(n)[2]}',NULL,'{row(n)[1]}','x')" for n in range(70, 85))
    text = f"CREATE TABLE `a` (x int);\nINSERT INTO `a` VALUES {shop};\nINSERT INTO `b` VALUES {more},('cut', 'sh"

    report = trace(vault, take(vault, text.encode("gb18030"), tmp_path, now), now_ms=now)

    assert report.body["format"]["shape"] == "sql"
    assert report.body["lines"]["reconciled"] is True
    assert report.body["lines"]["damaged"] == {"cut_short": 1}
    assert report.body["cells"]["rows_agreed"] == report.people_found == 45
    assert report.suspects == (small_town.recipient("shop"),)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("first", "line"),
    [
        ("{},{},{},{}\n", '{},{},{},"y\n{}"\n'),  # hardly a window of these ends where a row does
        ("{} called from {} today, {}, {}\n", "{} called from {} and wrote from {} today, {}\n"),
    ],
    ids=["quoted", "text"],
)
def test_a_trace_cut_short_row_by_row_reads_on_behind_the_block_it_had_finished(
    small_town, tmp_path, monkeypatch, first, line
):
    vault, now = small_town.vault, small_town.world.now
    text = "".join((line if n > 1_100 else first).format(*row(n % 60), "-" * 2_000) for n in range(2_500))
    kept = take(vault, b"\xef\xbb\xbf" + text.encode(), tmp_path, now, size=1 << 20)
    settled, original = [], matching._match_block

    def stops_after_the_second(*args):
        if len(settled) == 2:
            raise KeyboardInterrupt
        settled.append(original(*args))
        return settled[-1]

    monkeypatch.setattr(matching, "_match_block", stops_after_the_second)
    with pytest.raises(KeyboardInterrupt):
        trace(vault, kept, now_ms=now)
    monkeypatch.setattr(matching, "_match_block", original)
    read, places, reading_of = [], [], isolated.Reading
    monkeypatch.setattr(
        isolated, "Reading", lambda *given, **more: places.append(more["mark"]) or reading_of(*given, **more)
    )
    resumed = trace(vault, kept, now_ms=now, progress=lambda stage, done, _: read.append((stage, done)))

    again = trace(vault, kept, now_ms=now, before_ms=kept.received_at + 1)

    assert [place and place["at"] > 1_000_000 for place in places] == [True, None]
    for part in ("lines", "cells", "people", "ranking"):
        assert resumed.body[part] == again.body[part]
    assert resumed.body["cells"]["rows_agreed"] == again.body["lines"]["rows"] == 2_500


def test_whoever_had_data_passed_on_stands_under_the_one_it_was_passed_on_by(small_town, tmp_path):
    world, vault = small_town.world, small_town.vault
    bank, bureau = world.app("account", "Bank"), world.app("account", "Bureau")
    for person in small_town.people[:6]:
        top = world.token(bank, person, uses=2, onward=[bureau.client.recipient.id], datatypes=["phone"])
        tokens = [
            top,
            world.token(bureau, person, parent_grant=grant_text(top.grant_id), datatypes=["phone"]),
        ]
        for answer in disclose_many(vault, [world.request(one) for one in tokens], world.now):
            assert isinstance(answer, Disclosure), answer
    world.tick(HOUR)
    raw = "\n".join(row(n)[1] for n in range(4, 44)).encode()

    body = trace(vault, take(vault, raw, tmp_path, world.now), now_ms=world.now).body

    ways = {one["name"]: (one.get("programs"), one.get("under")) for one in body["ranking"] if "name" in one}
    assert ways["Bureau"] == ({bureau.client.client_id: 2}, {bank.client.recipient.id: 2})
    assert ways["Bank"] == ({bank.client.client_id: 2}, {})
    assert ways["Shop Ltd"] == ({small_town.apps["shop"].client.client_id: 4}, {})
    assert ways["Idle Ltd"] == (None, None)
