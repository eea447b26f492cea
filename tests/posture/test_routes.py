"""Posture as data: every route of the app is walked, and one that was forgotten fails here."""

import re

import pytest
from litestar.handlers import ASGIRouteHandler

from api.edge.access import PORTAL, STAFF, Access
from api.edge.answers import MEDIA_TYPE
from api.edge.headers import CSP
from api.jobs.publisher import Publisher
from consent.ledger import published
from consent.ledger.publishing.memory import Memory
from tests.flow.installation import BROWSER, open_world

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SAFE = {"GET", "HEAD", "OPTIONS"}
PUBLIC_CACHED = {
    "/v1/marking-rules",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/v1/disclosures",
    "/jwks",
    "/status",
}
"""The reviewed list of documents that may be kept by caches, beside the log and the hashed files."""

IN_OAUTH_S_WORDS = {
    "/bc-authorize",
    "/device_authorization",
    "/introspect",
    "/par",
    "/revoke",
    "/token",
    "/v1/deletions",
}
"""The reviewed list of endpoints that answer errors in the form of RFC 6749 §5.2."""


@pytest.fixture
def world(vault, tmp_path):
    made = open_world(vault, tmp_path)
    with made.http:
        yield made


def routes(app):
    """(method, path with every parameter filled in, handler) for everything the app answers."""
    for route in app.routes:
        path = re.sub(
            r"\{(\w+):(\w+)\}", lambda m: {"int": "2026", "path": "x"}.get(m[2], "gr_x"), route.path
        )
        handlers = [route.route_handler] if hasattr(route, "route_handler") else route.route_handlers
        for handler in handlers:
            methods = ["POST"] if isinstance(handler, ASGIRouteHandler) else sorted(handler.http_methods)
            for method in methods:
                yield method, path, handler


def test_every_route_names_who_may_call_it(world):
    walked = [(method, path, handler.opt.get("access")) for method, path, handler in routes(world.http.app)]

    assert len(walked) > 30
    assert [entry for entry in walked if entry[0] != "OPTIONS" and not isinstance(entry[2], Access)] == []


def test_a_route_that_names_nobody_answers_nobody(world):
    from litestar import get

    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "everything"

    world.http.app.register(forgotten)

    answer = world.http.get("/forgotten")

    assert answer.status_code == 403
    assert "everything" not in answer.text


def test_nobody_passes_a_guarded_route_without_credentials(world):
    for method, path, handler in routes(world.http.app):
        if handler.opt.get("access") in {Access.CONSUMER, Access.ANY_STAFF, *STAFF} and method != "OPTIONS":
            answer = world.http.request(method, path, headers={"Authorization": "Bearer stf_x"})
            assert answer.status_code == 401, (method, path)
            assert method == "HEAD" or answer.json()["code"] == "not_authenticated"


def test_a_staff_key_opens_the_doors_of_its_role_only(world):
    keys = {role: world.staff_key(role) for role in STAFF}

    for method, path, handler in routes(world.http.app):
        wanted = handler.opt.get("access")
        if wanted in STAFF and method != "OPTIONS":
            for role, headers in keys.items():
                status = world.http.request(method, path, headers=headers).status_code
                assert (status == 403) == (role is not wanted), (method, path, role)


def test_what_any_staff_may_call_is_open_to_every_role_and_to_staff_only(world):
    keys = {role: world.staff_key(role) for role in STAFF}
    person = world.person()
    person.sign_in()
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    shared = [
        (method, path)
        for method, path, handler in routes(world.http.app)
        if handler.opt.get("access") is Access.ANY_STAFF and method != "OPTIONS"
    ]

    assert len(shared) >= 6
    for method, path in shared:
        assert world.http.request(method, path, headers=cookie).status_code == 401, (method, path)
        for role, headers in keys.items():
            status = world.http.request(method, path, headers=headers).status_code
            assert status not in {401, 403}, (method, path, role)
            assert status < 500, (method, path, role)


def test_every_unsafe_portal_route_refuses_a_form_that_is_not_ours(world):
    person = world.person()
    person.sign_in()
    token = person.csrf(person.get("/en/grants"))
    unsafe = [
        (method, path)
        for method, path, handler in routes(world.http.app)
        if handler.opt.get("access") in PORTAL and method not in SAFE
    ]

    assert len(unsafe) >= 8
    for method, path in unsafe:
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
        attempts = {
            "no token": (BROWSER, {}),
            "a wrong token": (BROWSER, {"csrf": "x" * 43}),
            "from another site": (
                {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
                {"csrf": token},
            ),
            "from nowhere": ({}, {"csrf": token}),
        }
        for what, (headers, form) in attempts.items():
            answer = world.http.request(
                method, path, headers={**headers, **cookie, "Accept": "*/*"}, data=form
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), (path, what)


RUNS_A_SCRIPT = {"/en/leak-check", "/zh-CN/leak-check"}
"""The reviewed list of pages that may run a file of ours, beside those of a passkey's ceremony."""


def test_every_answer_of_every_route_carries_the_security_headers(world):
    person = world.person()
    person.sign_in()
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())

    for method, path, _ in [*routes(world.http.app), ("GET", "/nowhere", None), ("PUT", "/token", None)]:
        answer = world.http.request(method, path, headers={"Cookie": cookie})
        headers = answer.headers
        assert "default-src 'none'" in headers[CSP], path
        assert ("script-src 'self'" in headers[CSP]) == (method == "GET" and path in RUNS_A_SCRIPT), path
        assert "script-src" not in headers[CSP].replace("script-src 'self'", ""), path
        assert "frame-ancestors 'none'" in headers[CSP], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path
        assert "server" not in headers, path
        public = path in PUBLIC_CACHED or path.startswith(("/log/", "/static/", "/status/"))
        public = public and "/tile/entries/" not in path
        assert headers["cache-control"] == "no-store" or (public and answer.status_code < 400), path


def test_no_cache_that_others_share_may_keep_what_is_not_public(world):
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    keys = {role: world.staff_key(role) for role in STAFF}
    with world.vault.data.read() as conn:
        (log,) = published.logs(conn)
        size = published.newest(conn, log).size
    entries = f"/log/{log.year}/{log.bucket}/tile/entries/000.p/{size}"
    walked = [(method, path, handler.opt.get("access")) for method, path, handler in routes(world.http.app)]

    statuses = {}
    for method, path, who in [*walked, ("GET", entries, Access.AUDITOR)]:
        if who is Access.PUBLIC or method == "OPTIONS":
            continue
        answer = world.http.request(method, path, headers=keys.get(who, cookie))
        statuses[path] = answer.status_code
        assert "no-store" in answer.headers["cache-control"], path
        assert "public" not in answer.headers["cache-control"], path
    assert statuses[entries] == 200


def test_every_error_is_a_problem_with_a_code_and_repeats_nothing_of_the_request(world):
    for method, path, _ in [
        *routes(world.http.app),
        ("GET", "/nowhere/zhangsan", None),
        ("DELETE", "/token", None),
    ]:
        answer = world.http.request(
            method,
            f"{path}?phone=13812341234",
            headers={"Accept": "application/json"},
            content=b"13812341234",
        )
        assert "13812341234" not in answer.text, path
        assert "zhangsan" not in answer.text, path
        if answer.status_code >= 400:
            oauth = path in IN_OAUTH_S_WORDS and method == "POST"
            kind = "application/json" if oauth else MEDIA_TYPE
            assert answer.headers["content-type"].startswith(kind), (method, path, answer.text)
            assert answer.content == b"" if method == "HEAD" else answer.json()["code"], path


def test_the_same_problem_is_told_in_the_reader_s_language_and_as_a_page_to_a_browser(world):
    english = world.http.get("/nowhere").json()
    chinese = world.http.get("/nowhere", headers={"Accept-Language": "zh-CN"}).json()
    page = world.http.get("/zh-CN/nowhere", headers={"Accept": "text/html"})

    assert english["code"] == chinese["code"] == "not_found"
    assert english["title"] != chinese["title"]
    assert chinese["title"] in page.text
    assert '<html lang="zh-CN">' in page.text


def test_an_unforeseen_error_tells_a_reference_and_never_the_message(world, capsys):
    from litestar import get

    from api.edge.access import access

    @get("/broken", opt=access(Access.PUBLIC), sync_to_thread=False)
    def broken() -> str:
        raise ValueError("13812341234 is not a number")

    world.http.app.register(broken)

    answer = world.http.get("/broken")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    reference = answer.json()["instance"].rpartition(":")[2]
    logged = capsys.readouterr().err
    assert reference in logged
    assert "13812341234" not in answer.text + logged


def test_over_https_browsers_are_told_to_stay_there(vault, tmp_path):
    world = open_world(vault, tmp_path, issuer="https://consent.example")
    with world.http:
        answer = world.http.get("/jwks", headers={"Host": "consent.example"})

    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_the_metadata_names_only_what_answers(world):
    server = world.http.get("/.well-known/oauth-authorization-server").json()
    resource = world.http.get("/.well-known/oauth-protected-resource/v1/disclosures").json()
    named = [value for name, value in server.items() if name.endswith(("_endpoint", "_uri"))]

    assert resource["authorization_servers"] == [server["issuer"]]
    for url in [*named, resource["resource"]]:
        path = url.removeprefix(server["issuer"])
        if url == server["grant_management_endpoint"]:  # what answers is one grant below it
            path += "/gr_x"
        statuses = {world.http.get(path).status_code, world.http.post(path).status_code}
        assert statuses != {404}, path


def test_every_endpoint_for_recipients_is_named_in_the_metadata(world):
    server = world.http.get("/.well-known/oauth-authorization-server").json()
    resource = world.http.get("/.well-known/oauth-protected-resource/v1/disclosures").json()
    named = {str(value).removeprefix(server["issuer"]) for value in [*server.values(), resource["resource"]]}
    answering = {
        path.removesuffix("/gr_x")
        for _, path, handler in routes(world.http.app)
        if handler.opt.get("access") in {Access.CLIENT, Access.TOKEN}
    }

    assert answering - named == set()
