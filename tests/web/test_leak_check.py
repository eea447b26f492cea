"""Was I in a leak, over HTTP: from the page's script, the command and the page; never what was asked for, and
not too often.
"""

import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.cli.check_leak import ask, read
from api.cli.failures import Failure
from api.edge.headers import CSP
from api.public.leak_check import PATH
from api.staff.erasing import SELF, finish_erasures, order_erasure
from breach.intake.quarantine import receive
from breach.selfcheck.periods import renew
from breach.selfcheck.publish import publish
from tests.flow.installation import open_world
from tests.vault.people import made_up as people
from vault.base64url import unb64url
from vault.fields import FIELDS

NODE = shutil.which("node")
SCRIPT = Path(__file__).parents[2] / "api/portal/static/leak_check.js"
RUNNER = Path(__file__).with_name("leak_check.mjs")
AT = httpx.URL("http://testserver.local" + PATH)
VALUES = people.values(3)

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def quiet(*_):
    """Nobody wants to be told."""


@pytest.fixture
def world(vault, tmp_path):
    made = open_world(vault, tmp_path)
    with made.http:
        yield made


@pytest.fixture
def told(world):
    """A leak of ten people, which everybody is told of."""
    rows = "".join(f"{v['phone']},{v['email']},{v['resident_id']}\n" for v in map(people.values, range(10)))
    dump = receive(world.vault, [rows.encode()], world.settings.quarantine, now_ms=world.clock())
    return publish(world.vault, dump, now_ms=world.clock(), actor="staff", report=quiet)


class Script:
    """The page's script, running by itself."""

    def __init__(self, process) -> None:
        self._process = process

    def tell(self, what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def asks(self, text, http, before_answering=quiet):
        """What it finds when `http` answers it; and what it sent."""
        sent, told = [], self.tell({"ask": text})
        while "at" in told:
            sent.append(told.get("body"))
            before_answering(told)
            answer = http.request(told["method"], told["at"], json=told.get("body"))
            told = self.tell({"status": answer.status_code, "body": answer.json()})
        return told, sent


@contextmanager
def script():
    command = [NODE, "--no-warnings", str(RUNNER), str(SCRIPT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Script(process)
        process.stdin.close()


def test_a_command_learns_in_which_leak_something_is_and_nothing_else_is_sent(world, told):
    for text in (VALUES["phone"], f"+86 {VALUES['phone']}", VALUES["email"].upper(), VALUES["resident_id"]):
        (found,) = ask(world.http, AT, read(text))
        assert found == {"id": told.name, "received": "2026-11-22"}

    assert ask(world.http, AT, read(people.phone(77))) == []


@on_sqlite
@needs_node
def test_the_page_s_script_finds_what_the_command_finds_and_sends_only_a_point_and_a_few_bits(world, told):
    with script() as page:
        for text in (VALUES["phone"], f"0086-{VALUES['phone']}", VALUES["email"], VALUES["resident_id"]):
            said, sent = page.asks(text, world.http)
            assert [one["id"] for one in said["found"]] == [told.name]
            assert sent[0] is None
            assert sent[1].keys() == {"period", "bits", "prefix", "blinded"}
            assert len(unb64url(sent[1]["blinded"])) == 32
        assert page.asks(people.phone(77), world.http)[0] == {"found": []}


@on_sqlite
@needs_node
def test_the_script_asks_again_when_the_list_was_made_anew_between_its_two_requests(world, told):
    renewed = []

    def renew_once(request):
        if request["method"] == "POST" and not renewed:
            renewed.append(renew(world.vault, world.clock(), quiet))

    with script() as page:
        said, sent = page.asks(VALUES["phone"], world.http, renew_once)

    assert [one["id"] for one in said["found"]] == [told.name]
    assert [one and one["period"] for one in sent] == [None, 1, None, 2]


@on_sqlite
@needs_node
def test_the_script_tells_no_server_more_bits_than_it_may_know(world):
    class Greedy:
        def request(self, *_, **__):
            return httpx.Response(
                200, json={"period": 1, "bits": 24, "leaks": [{"id": "lk_x", "received": "x"}]}
            )

    with script() as page:
        said, sent = page.asks(VALUES["phone"], Greedy())

    assert "found" not in said
    assert sent == [None]
    with pytest.raises(Failure), httpx.Client(transport=httpx.MockTransport(Greedy().request)) as http:
        ask(http, AT, read(VALUES["phone"]))


@needs_node
def test_the_script_reads_what_is_typed_as_the_list_was_made():
    same = (
        ("phone", "13800138000"),
        ("phone", "+86 138-0013-8000"),
        ("phone", "（138）0013 8000"),
        ("phone", "１３８００１３８０００"),
        ("phone", "0086 13800138000"),
        ("phone", "+44 20 7946 0018"),
        ("phone", "001 650 253 0000"),
        ("email", " Some.One+tag@Example.COM "),
        ("email", "someone＠example．com"),
        ("email", "someone@bücher.example"),
        ("email", "someone@例子.测试"),
        ("email", "someone@straße.example"),
        ("resident_id", people.resident_id(4)),
        (
            "resident_id",
            f"{people.resident_id(4)[:6]} {people.resident_id(4)[6:14]}-{people.resident_id(4)[14:]}",
        ),
        ("resident_id", people.resident_id(4)[:6] + people.resident_id(4)[8:17]),
    )
    none = (
        "",
        "   ",
        "hello",
        "12345",
        "a@b",
        "@example.com",
        "a b@example.com",
        "11010119900101123",
        "a@127.0.0.1",
    )

    with script() as page:
        for kind, text in same:
            assert page.tell({"read": text}) == [kind, FIELDS[kind].canonical(text)], text
        for text in none:
            assert page.tell({"read": text}) is None, text


@on_sqlite
def test_before_any_leak_is_told_of_there_is_an_empty_list_and_nothing_to_ask(world):
    assert world.http.get(PATH).json() == {"period": 0, "bits": 0, "leaks": []}
    answer = world.http.post(PATH, json={"period": 0, "bits": 0, "prefix": 0, "blinded": "CQ" + "A" * 41})

    assert (answer.status_code, answer.json()["code"]) == (409, "leaks_moved")


@on_sqlite
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"blinded": "A" * 43}, "point_refused"),
        ({"blinded": "AA"}, "point_refused"),
        ({"blinded": "!"}, "point_refused"),
        ({"bits": 17}, "unknown_member"),
        ({"prefix": -1}, "unknown_member"),
        ({"phone": "13812341234"}, "unknown_member"),
    ],
)
def test_what_is_no_question_is_refused(world, told, change, code):
    asked = {"period": 1, "bits": 0, "prefix": 0, "blinded": "CQ" + "A" * 41}

    answer = world.http.post(PATH, json={**asked, **change})

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@on_sqlite
def test_one_network_asks_twenty_times_in_ten_minutes_and_everybody_together_so_often(vault, tmp_path):
    world = open_world(vault, tmp_path, leak_check_limit="25", stranger_rate="0", proxy="testclient")
    asked = {"period": 1, "bits": 0, "prefix": 0, "blinded": "CQ" + "A" * 41}

    with world.http:
        statuses = [world.http.post(PATH, json=asked).status_code for _ in range(22)]
        assert statuses == [409] * 20 + [429] * 2
        world.clock.pass_seconds(600)
        limited = world.http.post(PATH, json=asked)

    assert limited.status_code == 409


@on_sqlite
def test_answers_to_a_hit_and_to_a_miss_have_the_same_length(world, told):
    asked = {"period": 1, "bits": 0, "prefix": 0}
    points = [f"{start}{'A' * 41}" for start in ("CQ", "Cg", "Cw")]

    answers = [world.http.post(PATH, json={**asked, "blinded": point}) for point in points]

    assert {len(answer.content) for answer in answers} == {len(answers[0].content)}
    assert len({answer.json()["labels"] for answer in answers}) == 1
    assert len({answer.json()["evaluated"] for answer in answers}) == 3


def test_whoever_is_erased_is_found_in_no_leak_any_more(world):
    person = world.person()
    dump = receive(
        world.vault,
        [f"13812341234,zhangsan@example.com\n{people.phone(1)},x@example.com\n".encode()],
        world.settings.quarantine,
        now_ms=world.clock(),
    )
    publish(world.vault, dump, now_ms=world.clock(), actor="staff", report=quiet)
    assert ask(world.http, AT, read("13812341234"))

    order_erasure(world.vault, [person.created.subject], SELF, world.clock())
    world.clock.pass_seconds(3600)
    finish_erasures(world.settings, world.vault, world.clock, quiet)

    assert not ask(world.http, AT, read("13812341234"))
    assert not ask(world.http, AT, read("zhangsan@example.com"))
    assert ask(world.http, AT, read(people.phone(1)))


@on_sqlite
@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_page_says_that_it_needs_a_script_and_its_form_would_send_nothing_without_one(world, lang):
    page = world.http.get(f"/{lang}/leak-check")

    form = page.text[page.text.index("<form class") : page.text.index("</form>")]
    assert page.status_code == 200
    assert "<noscript>" in page.text
    assert "perusal check-leak" in page.text[page.text.index("<noscript>") : page.text.index("</noscript>")]
    assert " name=" not in form
    assert "disabled" in form
    assert page.headers[CSP].endswith("; script-src 'self'; connect-src 'self'")
    assert (
        SCRIPT.read_text(encoding="utf-8") == world.http.get(page.text.split('src="')[1].split('"')[0]).text
    )
