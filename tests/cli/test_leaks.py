"""`perusal leaks` tells people of a traced dump, and `perusal check-leak` asks about it without showing what it
asks for.
"""

import io
from contextlib import contextmanager

import httpx
import pytest

from api.cli.failures import Exit
from api.demo.city import citizens, strangers
from api.demo.leak import write_leak
from tests.cli.conftest import SEED

OURS, OTHER = ([person.values() for person in made(SEED, 2)] for made in (citizens, strangers))


@pytest.fixture
def dump(perusal, home, tmp_path):
    """The id of a dump of forty people that was traced."""
    rows = [person.values() for person in [*citizens(SEED, 10), *strangers(SEED, 30)]]
    path = write_leak(tmp_path / "dump.csv", rows, [], ("name", "phone", "email"), seed=1).path
    return perusal("trace", path, "--dir", home, "--json").json["report"]["dump"]["id"]


def test_a_dump_is_told_of_listed_made_anew_and_withdrawn(perusal, home, dump):
    told = perusal("leaks", "publish", dump, "--dir", home, "--json").json
    again = perusal("leaks", "publish", dump, "--dir", home, "--json").json

    assert told == again
    assert perusal("leaks", "list", "--dir", home, "--json").json["leaks"] == [told]
    assert told["leak"] in perusal("leaks", "list", "--dir", home).out
    assert perusal("leaks", "renew", "--dir", home, "--json").json == {"period": 2}
    gone = perusal("leaks", "withdraw", told["leak"], "--dir", home, "--json").json
    assert gone["points"] >= 70
    assert perusal("leaks", "list", "--dir", home, "--json").json["leaks"] == []
    assert perusal("leaks", "withdraw", told["leak"], "--dir", home).code == Exit.WRONG


def test_what_is_no_dump_and_an_empty_list_are_said_in_a_sentence(perusal, home):
    assert perusal("leaks", "publish", "lk_x", "--dir", home).code == Exit.USAGE
    said = perusal("leaks", "renew", "--dir", home)

    assert said.code == Exit.WRONG
    assert "[unknown_leak]" in said.err


@pytest.fixture
def typed(monkeypatch):
    """Somebody types a line."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


@pytest.fixture
def served(home, monkeypatch):
    """Whatever asks over HTTP asks the installation, in this process."""
    from litestar.testing import TestClient

    from api.app import create_app
    from api.cli.installation import settings_of

    asked = []

    @contextmanager
    def client(**_):
        settings = settings_of(home).with_issuer("http://testserver.local")
        with TestClient(create_app(settings)) as http:
            http.event_hooks = {
                "request": [lambda request: asked.append(request.read() + str(request.url).encode())]
            }
            yield http

    monkeypatch.setenv("PERUSAL_BACKGROUND", "no")
    monkeypatch.setattr(httpx, "Client", client)
    return asked


def test_asking_says_whether_it_is_in_a_leak_and_never_what_was_asked_for(perusal, home, dump, typed, served):
    perusal("leaks", "publish", dump, "--dir", home)
    phone = OURS[0]["phone"]

    typed(phone)
    found = perusal("check-leak", "http://localhost")
    typed("13900000000")
    missed = perusal("check-leak", "http://localhost", "--json")

    assert found.code == Exit.WRONG
    assert "in a leaked file that came in on 20" in found.out
    assert (missed.code, missed.json) == (0, {"found": []})
    assert len(served) == 4
    assert not any(phone[3:].encode() in sent for sent in served)
    assert phone not in found.out + found.err


@pytest.mark.parametrize(
    ("url", "text", "code"),
    [
        ("http://perusal.example", "13900000000", "insecure_url"),
        ("https://perusal.example", "my number", "unreadable_identifier"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(perusal, typed, url, text, code):
    typed(text)

    said = perusal("check-leak", url)

    assert said.code == Exit.USAGE
    assert f"[{code}]" in said.err
    assert text not in said.err
