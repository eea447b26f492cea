"""The parser's process: the same rows as without it, and whatever it does, an answer and no harm."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from breach.errors import DumpDamaged, DumpRefused
from breach.intake import confined, frames, isolated, opened
from breach.intake.source import PIECE, Held
from breach.intake.tally import Tally
from tests.breach import packing

OPEN = Path("/proc/self/fd")
LIST = b"".join(b"\xe7\x8e\x8b,138%08d,u%d@example.com\n" % (n, n) for n in range(60_000))


def answer(monkeypatch, tmp_path, program, *, quiet=30.0):
    """What comes of a parser that is this program."""
    path = tmp_path / "parser.py"
    path.write_text(program)
    monkeypatch.setattr(isolated, "_PROGRAM", path)
    monkeypatch.setattr(isolated, "QUIET_SECONDS", quiet)
    with pytest.raises(DumpRefused) as refused, isolated.Reading(Held(LIST)) as reading:
        list(reading.blocks())
    return refused.value.code


def direct(raw):
    tally = Tally()
    source = Held(raw)
    return list(opened.blocks(source, opened.look(source), tally)), tally


@pytest.mark.parametrize("raw", [LIST, packing.sevenzipped([LIST[:9_000], LIST[:500]])])
def test_what_comes_out_of_the_process_is_what_reading_gives(raw):
    with isolated.Reading(Held(raw)) as reading:
        blocks = list(reading.blocks())

    expected, tally = direct(raw)
    assert [block.rows for block in blocks] == [block.rows for block in expected]
    assert [part.rows for block in blocks for part in block.parts] == [
        part.rows for block in expected for part in block.parts
    ]
    assert [part.columns.kinds for block in blocks for part in block.parts] == [
        part.columns.kinds for block in expected for part in block.parts
    ]
    assert reading.tally == {**tally.as_dict(), "members_refused": dict(tally.members_refused)}
    assert reading.read == len(raw)


def test_refusals_come_through_with_their_code():
    with pytest.raises(DumpRefused) as refused:
        isolated.look(Held(b""))

    assert refused.value.code == "empty_file"


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(3)",
        "import os; os.kill(os.getpid(), 11)",
        "print('not a frame')",
        "import sys; sys.stdout.buffer.write(b'D' + (9).to_bytes(4) + b'{\"a\": 1}}')",
        "import sys; sys.stdout.buffer.write(b'B' + (2**32 - 1).to_bytes(4))",
        "import sys; sys.stdout.buffer.write(b'W' + (16).to_bytes(4) + (0).to_bytes(8) + (2**40).to_bytes(8))",
        "import sys; sys.stdout.buffer.write(b'R' + (5).to_bytes(4) + b'\\xff\\xff\\xffxx')",
    ],
)
def test_a_parser_that_crashes_or_says_nonsense_is_stopped(monkeypatch, tmp_path, program):
    assert answer(monkeypatch, tmp_path, program) == "parser_stopped"


@pytest.mark.parametrize("program", ["while True: pass", "import sys; sys.stdin.read()"])
def test_a_parser_that_hangs_is_stopped(monkeypatch, tmp_path, program):
    assert answer(monkeypatch, tmp_path, program, quiet=0.3) == "parser_stopped"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"rows": 1, "parts": [[[], [["a", 1]]]]}',
        b'{"rows": 1, "parts": [[[], ["ab"]]]}',
        b'{"rows": 1, "parts": [[["king"], [["a"]]]]}',
        b'{"rows": 1, "parts": [[[], [["\\ud800"]]]]}',
        b'{"rows": 1}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_a_block_that_is_not_texts_through_and_through_is_no_block(payload):
    with pytest.raises(frames.BadFrame):
        frames.block_from_json(payload)


def test_damage_found_while_giving_bytes_is_raised_as_what_it_is():
    class Damaged:
        size = 5 * PIECE

        def read(self, offset, length):
            if offset:
                raise DumpDamaged("damaged")
            return LIST[:length]

    with pytest.raises(DumpDamaged), isolated.Reading(Damaged()) as reading:
        list(reading.blocks())


CONFINED = """
import os, runpy, socket, sys
confine = runpy.run_path(sys.argv[1])["confine"]
if sys.argv[2] == "shared":
    confine.__globals__["_without_network"] = lambda: False
print(confine(0))
def tried(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"
def connect():
    with socket.socket() as one:
        one.settimeout(2)
        one.connect(("127.0.0.1", int(sys.argv[3])))
print(tried(connect), tried(lambda: bytearray(3 << 30)), tried(lambda: [os.dup(1) for _ in range(40)]))
"""


@pytest.mark.parametrize("network", ["own", "shared"])
def test_inside_there_is_no_network_little_memory_and_few_files(network):
    program = str(Path(confined.__file__))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, program, network, port],
            capture_output=True,
            text=True,
            check=True,
        )

    alone, *tried = done.stdout.split()
    assert network == "own" or alone == "False"
    assert tried[0] == "OSError"
    assert tried[1:] == ["MemoryError", "OSError"]


def test_the_process_holds_no_keys_and_has_not_even_the_means():
    """Neither cryptography nor the data base is loaded, and nothing of our environment is handed down."""
    program = (
        "import sys, runpy; sys.stdin.close(); sys.stdin = open('/dev/null')\n"
        f"try: runpy.run_path({str(isolated._PROGRAM)!r}, run_name='__main__')\n"
        "except Exception: pass\n"
        "print([name for name in ('cryptography', 'sqlalchemy', 'vault.keys.keyring') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True, env={}
    )

    assert done.stdout.strip() == "[]"


def test_reading_leaves_no_process_and_no_open_file_behind():
    before = len(list(OPEN.iterdir()))

    with isolated.Reading(Held(LIST)) as reading:
        next(reading.blocks())
        process = reading._process

    assert process.poll() is not None
    assert len(list(OPEN.iterdir())) == before
