"""When two addresses are one: RFC 3986's own equivalences, and nothing that only looks alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.oauth.urls import normal_url, same_url

HERE = "https://vault.example/v1/disclosures"


@pytest.mark.parametrize(
    "alike",
    [
        "HTTPS://Vault.EXAMPLE/v1/disclosures",
        "https://vault.example:443/v1/disclosures",
        "https://vault.example:/v1/disclosures",
        "https://vault.example/v1/disclosures?a=1&b=%2F",
        "https://vault.example/v1/disclosures#part",
        "https://vault.example/%76%31/disclosures",
        "https://vault.example/v1/./x/../disclosures",
        "https://vault.example/../v1/%2e/disclosures",
    ],
)
def test_what_the_rfc_calls_equivalent_is_the_same_place(alike):
    assert same_url(alike, HERE)


@pytest.mark.parametrize(
    "other",
    [
        "https://vault.example/v1%2Fdisclosures",
        "https://vault.example/v1%2fdisclosures",
        "https://vault.example/v1/disclosures/",
        "https://vault.example//v1/disclosures",
        "https://vault.example/V1/disclosures",
        "https://vault.example/v1/disclosures%3Fa=1",
        "https://vault.example:8443/v1/disclosures",
        "http://vault.example/v1/disclosures",
        "https://vault.example./v1/disclosures",
        "https://user@vault.example/v1/disclosures",
        "https://user:word@vault.example/v1/disclosures",
        "https://@vault.example/v1/disclosures",
        "https://vault.example@evil.example/v1/disclosures",
        "https://vault%2Eexample/v1/disclosures",
        "https:///v1/disclosures",
        "//vault.example/v1/disclosures",
        "/v1/disclosures",
        " https://vault.example/v1/disclosures",
        "https://vault.example/v1/disclosures\n",
        "https://vault.example/v1\t/disclosures",
        "https://vault.example\\/v1/disclosures",
        "https://vault.example/v1/disclosures%",
        "https://vault.example/v1/disclosures%zz",
        "https://vault.example:99999999/v1/disclosures",
        "",
    ],
)
def test_what_only_looks_alike_is_another_place(other):
    assert not same_url(other, HERE)


def test_what_is_no_url_equals_nothing_not_even_itself():
    assert normal_url("https://a.example/\u96e8") is None
    assert not same_url("", "")
    assert not same_url("https://a.example/\u96e8", "https://a.example/\u96e8")
    assert not same_url("https://a.example/\u96e8", "https://a.example/%E9%9B%A8")


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("http://a.example", "http://a.example/"),
        ("http://A.example:080/%7Euser/%c3%a9", "http://a.example/~user/%C3%A9"),
        ("https://a.example:80", "https://a.example:80/"),
        ("https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"),
        ("http://a/b/c/./../../g", "http://a/g"),
        ("http://a/mid/content=5/../6", "http://a/mid/6"),
        ("http://a/b/..", "http://a/"),
        ("http://a/b/.", "http://a/b/"),
        ("http://a/..%2Fb", "http://a/..%2Fb"),
    ],
)
def test_the_form_that_is_compared(given, normal):
    assert normal_url(given) == normal


_PATHS = st.lists(
    st.sampled_from(["a", "B", ".", "..", "", "%2F", "%2f", "%2E", "%41", "~", ":@!$&'()*+,;="])
)


@given(_PATHS)
def test_what_is_normal_stays_as_it_is(segments):
    normal = normal_url("https://a.example/" + "/".join(segments))
    assert normal is not None
    assert normal_url(normal) == normal


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text):
    assert normal_url(text) is None or normal_url(text).startswith("http")
