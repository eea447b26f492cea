"""The page of a trace report in a real browser: nothing wider than a small screen, and whatever scrolls can be
reached by keys.
"""

import pytest

from api.i18n import Lang
from api.tracing.page import page as report_page
from breach.intake.quarantine import custody, receive
from breach.pipeline.run import trace
from tests.breach.conftest import backend, founded, lost, small_town, towns, vault, world  # noqa: F401 -- fixtures
from tests.browser.chromium import PROGRAM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]
LONG = "某某供应链管理与跨境电子商务综合服务股份有限公司华南分公司 & Sons International Holdings"
WIDEST = "Math.max(...[...document.querySelectorAll('svg text[x=\"0\"]')].map(one => one.getBBox().width))"
UNREACHED = (
    "[...document.querySelectorAll('*')].filter(one => one.scrollWidth > one.clientWidth + 1 && one.tabIndex < 0"
    " && getComputedStyle(one).overflowX === 'auto').length"
)


def test_a_report_fits_a_small_screen_in_both_languages(small_town, lost, vault, tmp_path):  # noqa: F811
    now = small_town.world.now
    kept = receive(vault, [lost], tmp_path / "q", now_ms=now)
    body = trace(vault, kept, now_ms=now).body
    next(line for line in body["ranking"] if line.get("name") == "Idle Ltd")["name"] = LONG

    with chromium(tmp_path / "profile") as browser:
        for lang in Lang:
            told = tmp_path / f"{lang}.html"
            told.write_text(report_page(body, lang, custody(vault, kept.id)), encoding="utf-8")
            browser.open(told.as_uri())
            for width in (1100, 360):
                browser.call(
                    "Emulation.setDeviceMetricsOverride",
                    width=width,
                    height=900,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                assert browser.run("document.documentElement.scrollWidth") <= width
                assert browser.run(UNREACHED) == 0
            assert browser.run(WIDEST) < 230
            assert browser.run("document.documentElement.lang") == lang.value
        assert browser.violations == []
