"""The page of a trace report: every figure from the document, nothing loaded or run, both languages complete."""

import html
import re
from html.parser import HTMLParser

import pytest

from api.i18n import Lang
from api.tracing.page import page, policy
from breach.intake.quarantine import custody, receive
from breach.pipeline.run import trace
from tests.breach.conftest import backend, founded, lost, small_town, towns, vault, world  # noqa: F401 -- fixtures


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


@pytest.fixture
def traced(small_town, lost, vault, tmp_path):  # noqa: F811
    now = small_town.world.now
    kept = receive(vault, [lost], tmp_path / "q", now_ms=now)
    return trace(vault, kept, now_ms=now).body, custody(vault, kept.id)


def test_the_page_loads_nothing_runs_nothing_and_names_every_chart(traced):
    for lang in Lang:
        text = page(traced[0], lang, traced[1])
        elements = Elements()
        elements.feed(text)

        tags = {tag for tag, _ in elements.seen}
        assert not tags & {"script", "img", "link", "iframe", "form"}
        assert not any(
            name in attributes
            for _, attributes in elements.seen
            for name in ("src", "style", "onclick", "href")
        )
        drawings = [attributes for tag, attributes in elements.seen if tag == "svg"]
        assert len(drawings) >= 3
        assert all("aria-label" in one or "aria-labelledby" in one for one in drawings)
        assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]{44}'", policy())


def test_the_figures_of_the_document_stand_on_the_page_beside_the_charts(traced):
    body, _ = traced
    text = html.unescape(page(body, Lang.EN, traced[1]))

    for line in body["ranking"]:
        assert f"{line['ln_e']:,.1f}" in text
    assert "Shop Ltd" in text
    assert "10,000 times or more" in text
    assert body["dump"]["sha256"] in text
    assert all(sentence in text for sentence in (*body["statement"]["en"], *body["assumptions"]["en"]))
    assert all(sentence in html.unescape(page(body, Lang.ZH_CN)) for sentence in body["statement"]["zh-CN"])
    assert "probability that" not in text


def test_who_had_data_passed_on_stands_under_the_one_that_named_it(traced):
    body, _ = traced
    above, below, *_ = [line for line in body["ranking"] if line["kind"] == "recipient"]
    ranking = [
        {**line, "under": {above["recipient"]: 12}} if line is below else line for line in body["ranking"]
    ]

    text = html.unescape(page({**body, "ranking": ranking}, Lang.EN))

    expected = "{} had data of 12 of those found passed on under the consent given to {}.".format
    assert expected(below["name"], above["name"]) in text
    assert text.count("passed on under") == 1
