"""Was I in a leak, in a real browser: what is typed never leaves it, and the answer is said where it is heard."""

import pytest

from breach.intake.quarantine import receive
from breach.selfcheck.publish import publish
from tests.browser.chromium import PROGRAM, chromium
from tests.vault.people import made_up as people

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]
SHOWN = "document.querySelector('[data-says={}]').hidden === false"


def ask(page, text):
    page.run(f"document.getElementById('sought').value = '{text}'")
    page.run("document.querySelector('#leak-check button').click()")


def test_somebody_asks_and_hears_the_day_and_a_stranger_hears_that_it_is_nowhere(world, tmp_path):
    rows = "".join(f"{people.phone(n)},{people.values(n)['email']}\n" for n in range(20))
    dump = receive(world.vault, [rows.encode()], world.settings.quarantine, now_ms=1_795_300_000_000)

    with chromium(tmp_path / "profile") as page:
        page.open(f"{world.issuer}/zh-CN/leak-check")
        ask(page, people.phone(3))
        page.wait(SHOWN.format("nothing"))
        publish(world.vault, dump, now_ms=world.clock(), actor="staff", report=lambda *_: None)
        page.run(
            "window.sent = []; const real = fetch;"
            "window.fetch = (at, given) => { sent.push(at + (given?.body || '')); return real(at, given); }; 0"
        )

        ask(page, f"+86 {people.phone(3)}")
        page.wait(SHOWN.format("found"))
        assert page.run("document.querySelector('[data-says=found] li').textContent") == "2026年11月22日"
        assert page.run("document.activeElement.dataset.says") == "found"
        ask(page, people.phone(99))
        page.wait(SHOWN.format("nowhere"))
        ask(page, "12345")
        page.wait(SHOWN.format("unreadable"))

        sent = page.run("sent.join('\\n')")
        assert sent.count("/v1/leak-check") == 4
        assert people.phone(3)[2:] not in sent
        assert page.run("location.search") == ""
        assert page.violations == []


def test_without_a_script_the_page_says_so_and_sends_nothing(world, tmp_path):
    with chromium(tmp_path / "profile") as page:
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.open(f"{world.issuer}/en/leak-check")

        assert "This page needs JavaScript" in page.run("document.body.innerText")
        ask(page, people.phone(3))
        assert page.run("location.href").endswith("/en/leak-check")
