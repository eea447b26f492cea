"""A sealed server: health and unseal answer, everything else is turned away, and sealing again takes it all back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from litestar import Litestar, get

from api.app import create_app
from api.edge.access import Access, access
from api.sealing.sealed import Gate
from api.sealing.unsealing import TRIES, WINDOW_S, Unsealing
from api.settings import Settings
from api.staff.keys import issue_staff_key
from tests.flow.installation import idle_routes
from vault.opening import create_vault, open_vault
from vault.providers.local import adopt_root, create_root, open_root
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import ShareCollector, create_root_shares, new_root_shares
from vault.rotation import rewrap_root

PASSPHRASE = "correct horse battery staple"
ONE_STORE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what a gate does, whatever is behind it."""

CHEAP = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)
ORIGIN = "http://testserver.local"


class House:
    """An installation of its own, behind a gate, with a clock that only the test moves."""

    def __init__(self, backend, folder, now, *, shares: bool) -> None:
        self.backend, self.now, self.seconds = backend, now, 0.0
        self.root = folder / "root.sealed"
        self.shares: list[str] = []
        if shares:
            self.shares = create_root_shares(self.root, 2, 3)
            collector = ShareCollector(self.root)
            for text in self.shares[:2]:
                collector.add(text)
            provider = collector.provider()
        else:
            create_root(self.root, PASSPHRASE, cost=CHEAP)
            provider = open_root(self.root, PASSPHRASE)
        vault = create_vault(
            backend.data, backend.keys, provider, buckets=1, ledger_host="ledger.example/p", now_ms=now
        )
        with vault.data.write() as conn:
            self.staff = issue_staff_key(conn, actor="Op", role=Access.OPERATOR, now_ms=now)
            self.auditor = issue_staff_key(conn, actor="Au", role=Access.AUDITOR, now_ms=now)
        self.settings = Settings.from_mapping(
            {"PERUSAL_HOME": str(folder), "PERUSAL_ISSUER": ORIGIN, "PERUSAL_BACKGROUND": "no"}
        )
        self.opened = 0
        self.routes = ExitStack()

    @contextmanager
    def open(self, provider):
        self.opened += 1
        try:
            yield open_vault(self.backend.data, self.backend.keys, provider)
        finally:
            self.opened -= 1

    def build(self, vault, seal):
        onto = self.routes.enter_context(idle_routes(self.settings))
        return create_app(self.settings, vault=vault, clock=lambda: self.now, seal=seal, onto=onto)

    def run(self, story: Callable[[Gate, httpx.AsyncClient], Awaitable[None]]) -> None:
        async def told() -> None:
            gate = Gate(
                self.settings,
                Unsealing(self.root, clock=lambda: self.seconds),
                self.open,
                self.build,
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url=ORIGIN) as client:
                await story(gate, client)
            gate.seal()
            await gate.sealed()

        with self.routes:
            asyncio.run(told())


@pytest.fixture
def split(backend, tmp_path, now):
    return House(backend, tmp_path, now, shares=True)


@pytest.fixture
def whole(backend, tmp_path, now):
    return House(backend, tmp_path, now, shares=False)


def test_a_sealed_server_answers_nothing_but_health_and_unseal(split):
    async def story(_gate, client):
        health = await client.get("/healthz")
        assert (health.status_code, health.json()) == (
            503,
            {"status": "sealed", "needs": "shares", "got": 0, "needed": 2},
        )
        for method, path in (
            ("GET", "/"),
            ("GET", "/en/sign-in"),
            ("POST", "/v1/disclosures"),
            ("POST", "/oauth/par"),
            ("GET", "/.well-known/oauth-authorization-server"),
            ("POST", "/v1/seal"),
            ("GET", "/v1/unseal"),
            ("POST", "/healthz"),
            ("DELETE", "/anything/at/all"),
        ):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "sealed"), path
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await client.head("/healthz")).status_code == 503

    split.run(story)


def test_enough_shares_open_the_service_and_an_operator_seals_it_again(split):
    async def story(gate, client):
        first = await client.post("/v1/unseal", json={"share": split.shares[2]})
        assert (first.status_code, first.json()["got"]) == (202, 1)
        second = await client.post("/v1/unseal", json={"share": split.shares[0]})
        assert second.status_code == 200
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.head("/healthz")).status_code == 200
        assert (await client.get("/en/sign-in")).status_code == 200

        for key, status in (("", 401), (split.auditor, 403)):
            refused = await client.post("/v1/seal", headers={"Authorization": f"Bearer {key}"})
            assert refused.status_code == status
        sealed = await client.post("/v1/seal", headers={"Authorization": f"Bearer {split.staff}"})
        assert sealed.status_code == 202
        await gate.sealed()
        assert split.opened == 0
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["got"]) == (503, 0)

        for share in split.shares[:2]:
            await client.post("/v1/unseal", json={"share": share})
        assert (await client.get("/healthz")).status_code == 200

    split.run(story)


@ONE_STORE
def test_a_passphrase_opens_a_root_that_is_under_one(whole):
    async def story(_gate, client):
        wrong = await client.post("/v1/unseal", json={"passphrase": "wrong"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_passphrase")
        form = await client.post("/v1/unseal", json={"share": "pss_aaaaa"})
        assert form.json()["code"] == "wrong_unseal_form"
        right = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert right.status_code == 200
        assert (await client.get("/healthz")).status_code == 200

    whole.run(story)


def test_wrong_shares_are_named_and_count_for_nothing(split):
    async def story(_gate, client):
        typo = split.shares[0][:-1] + ("a" if split.shares[0][-1] != "a" else "b")
        for text, code in ((typo, "malformed_share"), ("", "malformed_share")):
            answer = await client.post("/v1/unseal", json={"share": text})
            assert (answer.status_code, answer.json()["code"]) == (400, code)
        await client.post("/v1/unseal", json={"share": split.shares[0]})
        again = await client.post("/v1/unseal", json={"share": split.shares[0]})
        assert again.json()["code"] == "duplicate_share"
        assert (await client.get("/healthz")).json()["got"] == 1

    split.run(story)


def test_rubbish_from_a_stranger_keeps_no_holder_of_a_share_away(split):
    async def story(_gate, client):
        for share in split.shares[:3]:
            for _ in range(TRIES + 1):
                rubbish = await client.post("/v1/unseal", json={"share": "x"})
                wrong_form = await client.post("/v1/unseal", json={"passphrase": "guess"})
                assert (rubbish.status_code, wrong_form.status_code) == (400, 400)
            assert (await client.post("/v1/unseal", json={"share": share})).status_code in {200, 202}
        assert (await client.get("/healthz")).status_code == 200

    split.run(story)


@ONE_STORE
def test_guessing_is_bounded_for_everybody_together(whole):
    async def story(_gate, client):
        for _ in range(TRIES):
            assert (await client.post("/v1/unseal", json={"passphrase": "guess"})).status_code == 400
        blocked = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert (blocked.status_code, blocked.json()["code"]) == (429, "too_many_attempts")
        assert 0 < int(blocked.headers["Retry-After"]) <= WINDOW_S + 1
        whole.seconds = WINDOW_S + 1
        assert (await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})).status_code == 200

    whole.run(story)


@ONE_STORE
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"share": 5}',
        b'{"share": "a", "passphrase": "b"}',
        b'{"x": 1}',
        b"\xff",
        b"[" * 3000,
    ],
)
def test_what_is_no_unseal_request_is_refused_without_costing_a_try(whole, body):
    async def story(_gate, client):
        for _ in range(TRIES + 1):
            answer = await client.post("/v1/unseal", content=body)
            assert (answer.status_code, answer.json()["code"]) in {
                (400, "malformed_json"),
                (400, "invalid_input"),
            }

    whole.run(story)


@ONE_STORE
def test_a_vault_that_cannot_be_opened_leaves_the_server_sealed(whole, tmp_path):
    other = tmp_path / "other"
    create_root(other, PASSPHRASE, cost=CHEAP)
    whole.root = other

    async def story(_gate, client):
        answer = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert (answer.status_code, answer.json()["code"]) == (400, "unopenable")
        assert (await client.get("/healthz")).status_code == 503

    whole.run(story)


def test_of_two_who_bring_the_last_share_at_once_both_find_the_server_open(split):
    async def story(gate, client):
        await client.post("/v1/unseal", json={"share": split.shares[0]})
        answers = await asyncio.gather(
            *(client.post("/v1/unseal", json={"share": share}) for share in split.shares[1:])
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert split.opened == 1
        assert gate.standing().got == 0, "no share is kept once the server is open"

    split.run(story)


def test_right_shares_are_not_counted_as_guesses(split):
    async def story(gate, client):
        for _ in range(TRIES + 1):
            for share in split.shares[:2]:
                assert (await client.post("/v1/unseal", json={"share": share})).status_code in {200, 202}
            gate.seal()
            await gate.sealed()

    split.run(story)


@ONE_STORE
@pytest.mark.parametrize("fails", ["build", "lifespan"])
def test_a_service_that_cannot_start_leaves_the_server_sealed_and_open_to_the_next_try(whole, fails, capfd):
    build, broken = whole.build, [True]

    async def no_start():
        raise RuntimeError("no room")

    def sometimes(vault, seal):
        if not broken:
            return build(vault, seal)
        broken.clear()
        if fails == "build":
            raise RuntimeError("no room")
        return Litestar([], on_startup=[no_start], openapi_config=None, logging_config=None)

    whole.build = sometimes

    async def story(_gate, client):
        failed = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert (failed.status_code, failed.json()["code"]) == (500, "internal_error")
        assert "no room" not in failed.text + capfd.readouterr().err
        assert (await client.get("/healthz")).status_code == 503
        assert whole.opened == 0
        again = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert again.status_code == 200

    whole.run(story)


@ONE_STORE
def test_requests_under_way_are_finished_before_the_keys_go(whole):
    build, began, go_on = whole.build, asyncio.Event(), asyncio.Event()

    def slow(vault, seal):
        app = build(vault, seal)

        @get("/slow", opt=access(Access.PUBLIC))
        async def wait_here() -> str:
            began.set()
            await go_on.wait()
            return str(whole.opened)

        app.register(wait_here)
        return app

    whole.build = slow

    async def story(gate, client):
        await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        under_way = asyncio.create_task(client.get("/slow"))
        await began.wait()
        gate.seal()
        assert (await client.get("/en/sign-in")).status_code == 503
        reopening = asyncio.create_task(client.post("/v1/unseal", json={"passphrase": PASSPHRASE}))
        await asyncio.sleep(0)
        go_on.set()
        assert (await under_way).text == "1"
        assert (await reopening).status_code == 200
        assert whole.opened == 1

    whole.run(story)


def test_an_open_server_goes_over_to_a_changed_root_by_new_shares_without_a_pause(split):
    async def story(gate, client):
        for share in split.shares[:2]:
            await client.post("/v1/unseal", json={"share": share})
        old, (new, shares) = _opened(split.root, split.shares), new_root_shares(split.root, 2, 3)

        early = [await client.post("/v1/unseal", json={"share": share}) for share in shares[:2]]
        assert (early[1].status_code, early[1].json()["code"]) == (400, "keys_unavailable"), (
            "nothing is wrapped under the new root yet"
        )
        assert (await client.get("/healthz")).status_code == 200

        rewrap_root(split.backend.keys, old, new, split.now)
        adopt_root(split.root)
        stale = await client.post("/v1/unseal", json={"share": split.shares[0]})
        assert stale.json()["code"] == "stale_share"
        taken = [await client.post("/v1/unseal", json={"share": share}) for share in shares[:2]]
        assert [answer.status_code for answer in taken] == [202, 200]
        assert split.opened == 1
        assert (await client.get("/en/sign-in")).status_code == 200

        gate.seal()
        await gate.sealed()
        again = [await client.post("/v1/unseal", json={"share": share}) for share in shares[1:]]
        assert again[1].status_code == 200

    split.run(story)


@ONE_STORE
def test_a_root_file_that_is_gone_is_told_and_opens_when_it_is_back(whole):
    raw = whole.root.read_bytes()

    async def story(_gate, client):
        whole.root.unlink()
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["needs"]) == (503, "root_file")
        answer = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert answer.json()["code"] == "malformed_root"
        whole.root.write_bytes(raw)
        assert (await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})).status_code == 200

    whole.run(story)


def _opened(root, shares):
    collector = ShareCollector(root)
    for text in shares[:2]:
        collector.add(text)
    return collector.provider()
