"""Small parts of the edge: settings, forms, languages, CSRF tokens, headers, cookies."""

import string
import tomllib
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import api
from api.edge.csrf import csrf_token, from_own_pages, token_matches
from api.edge.forms import MalformedForm, parse_form
from api.edge.headers import CSP, approval_policy
from api.edge.sessions import CookieJar
from api.i18n import Lang, catalogue, lang_of_path, negotiate
from api.sealing.secret_file import ExposedSecret, first_line
from api.setting_texts import SettingsError
from api.settings import Settings
from vault.days import zone_of

FORM = "application/x-www-form-urlencoded"
KEY = b"k" * 32


def test_a_home_folder_gives_every_path_its_default():
    settings = Settings.from_mapping({"PERUSAL_HOME": "/srv/perusal", "PATH": "/bin"})

    assert settings.database == "sqlite:////srv/perusal/data.db"
    assert settings.quarantine == Path("/srv/perusal/quarantine")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert not settings.secure


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"PERUSAL_HOME": "/x", "PERUSAL_PROT": "1"},
        {"PERUSAL_HOME": "/x", "PERUSAL_PORT": "eighty"},
        {"PERUSAL_HOME": "/x", "PERUSAL_PORT": "-1"},
        {"PERUSAL_HOME": "/x", "PERUSAL_BACKGROUND": "maybe"},
        {"PERUSAL_HOME": "/x", "PERUSAL_ISSUER": "https://a.example/path"},
        {"PERUSAL_HOME": "/x", "PERUSAL_ISSUER": "https://user@a.example"},
        {"PERUSAL_HOME": "/x", "PERUSAL_ISSUER": "ftp://a.example"},
        {"PERUSAL_DATABASE": "sqlite:///x"},
    ],
)
def test_a_wrong_or_unknown_setting_stops_the_start_and_its_value_is_not_told(given_):
    with pytest.raises(SettingsError) as raised:
        Settings.from_mapping(given_)

    for value in given_.values():
        assert value not in str(raised.value) or value == "/x"


def test_a_form_is_parsed_once_and_strictly():
    assert parse_form(b"a=1&b=%E5%BC%A0", f"{FORM}; charset=utf-8") == {"a": "1", "b": "张"}
    assert parse_form(b"", FORM) == {}
    assert parse_form(b"a=", FORM) == {"a": ""}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"a=1", "application/json"),
        (b"a=1", ""),
        (b"a=1&a=2", FORM),
        (b"a=%FF", FORM),
        (b"a=%00", FORM),
        ("a=张".encode(), FORM),
        (b"nonsense", FORM),
        (b"&".join(b"m%d=1" % n for n in range(65)), FORM),
    ],
)
def test_a_form_that_is_not_one_is_refused(body, kind):
    with pytest.raises(MalformedForm):
        parse_form(body, kind)


@given(st.binary(max_size=300))
def test_no_body_makes_the_form_parser_fail_otherwise(body):
    try:
        members = parse_form(body, FORM)
    except MalformedForm:
        return
    assert all(isinstance(value, str) for value in members.values())


def _raw(lang):
    return tomllib.loads((Path(api.__file__).parent / "locale" / f"{lang}.toml").read_text("utf-8"))


def test_both_catalogues_have_the_same_keys_and_placeholders():
    en, zh = catalogue(Lang.EN).texts, catalogue(Lang.ZH_CN).texts

    assert en.keys() == zh.keys()
    for key in en:
        wanted = {name for _, name, _, _ in string.Formatter().parse(en[key]) if name}
        assert {name for _, name, _, _ in string.Formatter().parse(zh[key]) if name} == wanted, key
        assert en[key].strip(), key
        assert zh[key].strip(), key
    assert list(_raw("en")) == list(_raw("zh-CN"))


def test_every_problem_has_a_title_and_a_detail():
    for problem in _raw("en")["problem"].values():
        assert set(problem) == {"title", "detail"}


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", Lang.EN),
        ("zh-CN,zh;q=0.9,en;q=0.8", Lang.ZH_CN),
        ("en-GB,en;q=0.9,zh;q=0.1", Lang.EN),
        ("fr, zh;q=0.5", Lang.ZH_CN),
        ("zh;q=0, en", Lang.EN),
        ("zh;q=nonsense, en;q=0.1", Lang.EN),
        ("*", Lang.EN),
    ],
)
def test_the_better_of_our_languages_is_chosen(header, lang):
    assert negotiate(header) is lang


@given(st.text(max_size=80))
def test_no_header_or_path_breaks_the_choice_of_language(text):
    assert negotiate(text) in Lang
    assert lang_of_path(text) in {None, *Lang}


def test_dates_are_written_as_each_language_writes_them():
    at = 1_795_300_000_000

    assert catalogue(Lang.EN).moment(at) == "22 November 2026 06:26 (Beijing time)"
    assert catalogue(Lang.ZH_CN).moment(at) == "北京时间 2026年11月22日 06:26"
    assert catalogue(Lang.EN, UTC).moment(at) == "21 November 2026 22:26 (UTC)"
    assert catalogue(Lang.ZH_CN, zone_of("Asia/Tokyo")).time(at) == "UTC+09:00 07:26"


def test_a_form_token_works_in_its_own_session_only():
    token = csrf_token(KEY, "ses_a")

    assert token_matches(KEY, "ses_a", token)
    assert not token_matches(KEY, "ses_b", token)
    assert not token_matches(b"x" * 32, "ses_a", token)
    assert not token_matches(KEY, "ses_a", "")
    assert not token_matches(KEY, "ses_a", "é")


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"origin": "https://consent.example"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://consent.example"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, False),
        ({"origin": "https://consent.example.evil.example"}, False),
    ],
)
def test_a_form_is_ours_only_when_the_browser_says_so(headers, ours):
    assert from_own_pages(headers, "https://consent.example") is ours


def test_the_approval_page_may_be_answered_to_the_recipient_and_to_nobody_else():
    policy = approval_policy("https://app.example:8443/back?x=1")[CSP]

    assert "form-action 'self' https://app.example:8443;" in policy
    assert "default-src 'none'" in policy


def test_over_https_cookies_are_host_bound_and_secure():
    jar = CookieJar(secure=True)
    cookie = jar.keep(jar.session_name, "x").to_header(header="")

    assert jar.session_name.startswith("__Host-")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


@pytest.mark.parametrize(
    "address",
    ["postgresql+psycopg://me:hunter2@db/x", "postgresql+psycopg://db/x?user=me&password=hunter2"],
)
@pytest.mark.parametrize("name", ["PERUSAL_DATABASE", "PERUSAL_KEYS"])
def test_an_address_with_a_password_in_it_is_refused_and_the_password_is_not_told(name, address):
    with pytest.raises(SettingsError, match="PGPASSFILE") as raised:
        Settings.from_mapping({"PERUSAL_HOME": "/x", name: address})

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("name", ["No/Where", "../etc/passwd", "Asia", ""])
def test_a_zone_nobody_lives_in_is_refused(name):
    with pytest.raises(SettingsError, match="PERUSAL_ZONE"):
        Settings.from_mapping({"PERUSAL_HOME": "/x", "PERUSAL_ZONE": name})


def test_people_live_by_beijing_time_unless_it_is_said_otherwise():
    given = [{"PERUSAL_HOME": "/x"}, {"PERUSAL_HOME": "/x", "PERUSAL_ZONE": "Asia/Tokyo"}]
    zones = [Settings.from_mapping(one).local_zone for one in given]

    assert zones == [zone_of("Asia/Shanghai"), zone_of("Asia/Tokyo")]


@pytest.mark.parametrize("name", ["BATCH_CAP", "BATCH_QUEUE", "CONNECTIONS"])
def test_a_bound_of_nothing_is_refused(name):
    with pytest.raises(SettingsError):
        Settings.from_mapping({"PERUSAL_HOME": "/x", f"PERUSAL_{name}": "0"})


def test_a_secret_that_others_can_read_is_not_taken(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("open sesame\n")
    path.chmod(0o640)
    with pytest.raises(ExposedSecret) as raised:
        first_line(path)
    assert "sesame" not in str(raised.value)

    path.chmod(0o600)
    assert first_line(path) == "open sesame"
