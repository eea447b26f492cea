"""Rounds of a monitor: what goes wrong at one log is told of that one, and the others are looked at all the same."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from api.monitor.home import MonitorHome
from api.monitor.line import Lines, keeps_secrets
from api.monitor.reading import HttpReader, Pause
from api.monitor.run import Looked, Watch, round_over
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.tiles import Tile
from consent.ledger.monitor.alerts import Alarm
from consent.ledger.monitor.reading import OutOfTime
from tests.consent.ledger.kit import NOW
from tests.receiver import PATIENCE

ONE, TWO = "one.example/2026/0", "two.example/2026/0"


@pytest.fixture
def home(tmp_path: Path) -> MonitorHome:
    found = MonitorHome(tmp_path / "m")
    found.create("m.example")
    return found


@pytest.fixture
def reader() -> Iterator[Callable[..., HttpReader]]:
    """Makes readers of the log at an address."""
    with closing(Lines()) as lines:

        def made(address: str, auditor: str = "", pause: Pause = time.sleep) -> HttpReader:
            return HttpReader(lines, ONE, address, Policy((), ()), auditor, pause)

        yield made


def around(home: MonitorHome, *origins: str) -> list[Looked]:
    logs = dict.fromkeys(origins, "http://127.0.0.1:9")
    what = Watch(logs=logs, policy=Policy((), ()), auditors={})
    return list(round_over(home, what, lambda: NOW, lambda _text: None))


def test_a_failure_of_its_own_is_an_alert_about_that_log_and_ends_nothing(home: MonitorHome, monkeypatch):
    def head(reader):
        if reader.origin == ONE:
            raise TypeError("what nobody thought of")
        return b"no head"

    monkeypatch.setattr("api.monitor.run.HttpReader.head", head)

    one, two = around(home, ONE, TWO)

    assert [alert.alarm for alert in one.alerts] == [Alarm.BROKEN_OFF]
    assert "thought" not in one.alerts[0].says
    assert [alert.alarm for alert in two.alerts] == [Alarm.UNREADABLE]
    assert len((home.path / "alerts").read_text().splitlines()) == 2


def test_a_key_goes_to_its_own_log_alone_and_nowhere_in_the_clear(reader):
    with pytest.raises(OSError, match="for everybody to read"):
        reader("http://log.example/log/2026/0", auditor="aud_secret").entries(0, 1)
    assert keeps_secrets("https://log.example")
    assert keeps_secrets("http://127.0.0.1:8000/log")
    assert not any(map(keeps_secrets, ("http://10.0.0.1/", "ftp://127.0.0.1/", "http://[", "")))


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine whose connections stay; its address."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with suppress(OSError):  # who asked may have hung up
                answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(PATIENCE)


def say(to: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: object) -> None:
    to.send_response(status)
    for name, value in {"Content-Length": len(body), **headers}.items():
        to.send_header(name.replace("_", "-"), str(value))
    to.end_headers()
    to.wfile.write(body)


def drip(to: BaseHTTPRequestHandler, head: bytes, ended: Event) -> None:
    to.wfile.write(head)
    while not ended.wait(0.02):
        to.wfile.write(b"x")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"]
)
def test_an_answer_that_drips_in_has_an_end(reader, monkeypatch, head: bytes):
    monkeypatch.setattr("api.monitor.reading.WITHIN_S", 0.3)
    ended = Event()
    began = time.monotonic()

    with answering(lambda to: drip(to, head, ended)) as address:
        with pytest.raises(OSError, match="does not answer"):
            reader(address).head()
        took = time.monotonic() - began
        ended.set()

    assert took < PATIENCE / 2


def test_a_log_whose_answers_last_longer_than_a_round_has_the_next_one(reader, monkeypatch):
    monkeypatch.setattr("api.monitor.reading.LOG_WITHIN_S", 0.0)

    with pytest.raises(OutOfTime):
        reader("http://127.0.0.1:9").head()


def test_a_log_that_asks_to_be_asked_later_is(reader):
    waited, asked = [], []

    def answer(to: BaseHTTPRequestHandler) -> None:
        asked.append(to.path)
        say(to, b"", 429, Retry_After=7) if len(asked) < 3 else say(to, b"a head")

    with answering(answer) as address:
        assert reader(address, pause=waited.append).head() == b"a head"

    assert (waited, asked) == ([7, 7], ["/checkpoint"] * 3)


@pytest.mark.parametrize("pause", [lambda _s: None, lambda _s: True], ids=["too late", "told to stop"])
def test_one_that_asks_to_be_asked_after_the_round_is_left_for_the_next(reader, pause):
    wait_s = 1000 if pause(0) is None else 1
    with (
        answering(lambda to: say(to, b"", 503, Retry_After=wait_s)) as address,
        pytest.raises(OutOfTime, match="later"),
    ):
        reader(address, pause=pause).head()


def test_a_connection_is_kept_and_made_anew_when_the_other_side_hung_up(reader):
    peers = []

    def answer(to: BaseHTTPRequestHandler) -> None:
        peers.append(to.client_address)
        to.close_connection = len(peers) == 2  # without having said so
        say(to, gzip.compress(b"a head"), Content_Encoding="gzip")

    with answering(answer) as address:
        one = reader(address)
        assert [one.head() for _ in range(3)] == [b"a head"] * 3

    assert peers[0] == peers[1] != peers[2]


@pytest.mark.parametrize(
    "said",
    [
        (bytes(8_193), 200, {}),
        (gzip.compress(bytes(10_000_000)), 200, {"Content_Encoding": "gzip"}),
        (b"no gzip", 200, {"Content_Encoding": "gzip"}),
        (b"", 302, {"Location": "https://other.example/"}),
        (b"", 429, {"Retry_After": "tomorrow"}),
    ],
    ids=["long", "long inside", "not what it says", "elsewhere", "no time"],
)
def test_what_is_no_answer_is_an_error_of_reading(reader, said):
    body, status, headers = said
    with (
        answering(lambda to: say(to, body, status, **headers)) as address,
        pytest.raises(OSError, match="answer"),
    ):
        reader(address).tile(Tile(0, 0))
