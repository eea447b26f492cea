"""A small world for the consent floor's tests: apps, people, and every step from asking to a token."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from joserfc.jwk import ECKey

from consent.accounts.keys import Consumer
from consent.approving.approve import Approved, Showing, approve, claim
from consent.asking import ask
from consent.asking.ask import Pushed, PushParams
from consent.asking.details import Details, parse_details
from consent.instants import instant
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.recipients import register as recipients
from consent.recipients.register import Client, Registration
from consent.redemption.decide import IdempotencyKey, RedeemRequest
from consent.refusals import Refusal
from consent.tokens.exchange import CodeExchange, Issued, exchange
from consent.wording import notices, purposes, terms
from tests.consent.acts import agree_to_all
from tests.consent.presence import proof_if_needed
from tests.consent.wording.signatures import signed_terms
from tests.vault.people import made_up as people
from vault.ids import secret_bucket, secret_hash
from vault.opening import Vault

REDIRECT = "https://app.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
JKT = "g" * 43
DAY = 86_400_000
KEY = ECKey.generate_key("P-256", {"kid": "k1"})
HANDLING = notices.Handling(method="Our driver reads it.")
JWKS = {"keys": [KEY.as_dict(private=False)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    client: Client
    notice: notices.Notice
    terms: terms.Terms

    def raw(self, now_ms: int, **changes: Any) -> dict[str, Any]:
        """The authorization details as the app would send them, with members changed or (None) left out."""
        body = {
            "type": "pii_use",
            "locations": ["https://vault.example/v1/disclosures"],
            "actions": ["disclose"],
            "recipient": self.client.recipient.id,
            "purpose": self.notice.purpose,
            "datatypes": ["name", "phone"],
            "uses": {"max": 1, "ask": "each"},
            "window": {"from": instant(now_ms), "to": instant(now_ms + DAY)},
            "retention": "P30D",
            "notice": {
                "id": self.notice.id,
                "version": 1,
                "lang": self.notice.lang,
                "hash": self.notice.hash,
            },
            "onward": [],
            "liability": {
                "terms": self.terms.id,
                "hash": self.terms.hash,
                "per_record": "500.00",
                "currency": "CNY",
            },
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not None}

    def details(self, now_ms: int, **changes: Any) -> Details:
        parsed = parse_details([self.raw(now_ms, **changes)])
        assert isinstance(parsed, Details), parsed
        return parsed


PARAMS = PushParams(redirect_uri=REDIRECT, state="s1", code_challenge=CHALLENGE)


@dataclass
class World:
    """Everything is made on demand, at `now`; `tick` moves the clock."""

    vault: Vault
    now: int
    made: int = field(default=0)

    def __post_init__(self) -> None:
        with self.vault.data.write() as conn:
            purposes.seed(conn)

    def tick(self, ms: int) -> None:
        self.now += ms

    def app(
        self,
        purpose: str = "delivery",
        name: str = "Swift Parcel Ltd",
        handling: notices.Handling = HANDLING,
        **further: Any,
    ) -> App:
        registration = Registration(
            legal_name=name,
            contact="privacy@app.example",
            registration_no=f"9131-{secrets.token_hex(6)}",
            redirect_uris=[REDIRECT],
            jwks=JWKS,
            **further,
        )
        with self.vault.data.write() as conn:
            who = recipients.register(conn, registration, self.now)
            notice = notices.publish(
                conn, who.recipient_id, purpose, 1, "en", "We deliver one parcel.", self.now, handling
            )
            owed = terms.publish(
                conn, who.recipient_id, 1, "We owe you for leaks.", "500.00", "CNY", "5000.00", self.now
            )
            owed = signed_terms(conn, owed, KEY, self.now)
            client = recipients.client(conn, who.client_id)
        assert client is not None
        return App(client=client, notice=notice, terms=owed)

    def people(self, count: int) -> list[Consumer]:
        wanted = [NewPerson(people.values(i)) for i in range(self.made, self.made + count)]
        self.made += count
        answers = enrol_people(self.vault, wanted, self.now)
        created = [answer for answer in answers if isinstance(answer, Enrolled)]
        assert len(created) == count
        return [Consumer(bucket=p.bucket, subject=p.subject, lang="en") for p in created]

    def person(self) -> Consumer:
        return self.people(1)[0]

    def push(
        self, app: App, details: Details | None = None, params: PushParams = PARAMS, **changes: Any
    ) -> Pushed | Refusal:
        with self.vault.data.write() as conn:
            return ask.push(
                conn,
                self.vault.installation.buckets,
                app.client,
                details or app.details(self.now, **changes),
                params,
                self.now,
            )

    def show(self, app: App, person: Consumer, **changes: Any) -> Showing:
        pushed = self.push(app, **changes)
        assert isinstance(pushed, Pushed), pushed
        shown = claim(self.vault, person, pushed.request_uri, app.client.client_id, self.now)
        assert isinstance(shown, Showing), shown
        return shown

    def approve(self, app: App, person: Consumer, **changes: Any) -> Approved:
        shown = self.show(app, person, **changes)
        agree_to_all(self.vault, person, shown, self.now)
        proof = proof_if_needed(self.vault, person, shown, self.now)
        approved = approve(self.vault, person, shown.id, None, self.now, proof)
        assert isinstance(approved, Approved), approved
        return approved

    def exchanging(self, app: App, code: str, **changes: Any) -> CodeExchange:
        request = CodeExchange(
            client_id=app.client.client_id,
            code=code,
            redirect_uri=REDIRECT,
            code_verifier=VERIFIER,
            jkt=JKT,
        )
        return replace(request, **changes)

    def token(self, app: App, person: Consumer, uses: int = 1, **changes: Any) -> Issued:
        approved = self.approve(app, person, uses={"max": uses, "batch": uses}, **changes)
        issued = exchange(self.vault, self.exchanging(app, approved.code), self.now)
        assert isinstance(issued, Issued), issued
        return issued

    def request(self, issued: Issued, key: str | None = None, **changes: Any) -> RedeemRequest:
        """A redemption with a fresh proof; `key` is an Idempotency-Key in clear."""
        request = RedeemRequest(
            token_hash=secret_hash(issued.token),
            bucket=secret_bucket("cut", issued.token),
            jkt=JKT,
            proof=secrets.token_bytes(32),
            proof_expires=self.now + 60_000,
            idempotency=None if key is None else idempotency(key),
        )
        return replace(request, **changes)


def idempotency(key: str, body: str = "") -> IdempotencyKey:
    return IdempotencyKey(
        key_hash=hashlib.sha256(key.encode()).digest(), request_hash=hashlib.sha256(body.encode()).digest()
    )
