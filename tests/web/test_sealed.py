"""A sealed server: health and unseal answer, everything else is turned away, and sealing again takes it all back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import contextmanager

import httpx
import pytest

from api.access import Access
from api.app import create_app
from api.sealed import Gate
from api.settings import Settings
from api.staff import issue_staff_key
from api.unsealing import TRIES, WINDOW_S, Unsealing
from vault.opening import create_vault, open_vault
from vault.providers.local import create_root, open_root
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import ShareCollector, create_root_shares

PASSPHRASE = "correct horse battery staple"
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

    @contextmanager
    def open(self, provider):
        self.opened += 1
        yield open_vault(self.backend.data, self.backend.keys, provider)
        self.opened -= 1

    def run(self, story: Callable[[Gate, httpx.AsyncClient], Awaitable[None]]) -> None:
        async def told() -> None:
            gate = Gate(
                self.settings,
                Unsealing(self.root, clock=lambda: self.seconds),
                self.open,
                lambda vault, seal: create_app(self.settings, vault=vault, clock=lambda: self.now, seal=seal),
            )
            async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url=ORIGIN) as client:
                await story(gate, client)
            gate.seal()
            if gate.task is not None:
                await gate.task

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
            ("DELETE", "/anything/at/all"),
        ):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "sealed"), path
            assert answer.headers["x-content-type-options"] == "nosniff"

    split.run(story)


def test_enough_shares_open_the_service_and_an_operator_seals_it_again(split):
    async def story(gate, client):
        first = await client.post("/v1/unseal", json={"share": split.shares[2]})
        assert (first.status_code, first.json()["got"]) == (202, 1)
        second = await client.post("/v1/unseal", json={"share": split.shares[0]})
        assert second.status_code == 200
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/en/sign-in")).status_code == 200

        for key, status in (("", 401), (split.auditor, 403)):
            refused = await client.post("/v1/seal", headers={"Authorization": f"Bearer {key}"})
            assert refused.status_code == status
        sealed = await client.post("/v1/seal", headers={"Authorization": f"Bearer {split.staff}"})
        assert sealed.status_code == 202
        await gate.task
        assert split.opened == 0
        health = await client.get("/healthz")
        assert (health.status_code, health.json()["got"]) == (503, 0)

        split.seconds = WINDOW_S + 1
        for share in split.shares[:2]:
            await client.post("/v1/unseal", json={"share": share})
        assert (await client.get("/healthz")).status_code == 200

    split.run(story)


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


def test_a_vault_that_cannot_be_opened_leaves_the_server_sealed(whole, tmp_path):
    other = tmp_path / "other"
    create_root(other, PASSPHRASE, cost=CHEAP)
    whole.root = other

    async def story(_gate, client):
        answer = await client.post("/v1/unseal", json={"passphrase": PASSPHRASE})
        assert (answer.status_code, answer.json()["code"]) == (400, "unopenable")
        assert (await client.get("/healthz")).status_code == 503

    whole.run(story)
