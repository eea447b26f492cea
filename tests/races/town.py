"""People, one recipient, and tokens on demand, made through consent's own verbs without any HTTP.

Every test that needs many tokens quickly starts here: races, faults, benchmarks. Values come from the
simulated city, so that a person's number says what the vault must answer.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import batched

from joserfc.jwk import ECKey

from api.demo.city import Citizen, citizens
from consent.accounts.keys import Consumer
from consent.approving.approve import Approved, approve, claim
from consent.asking import ask
from consent.asking.ask import Pushed, PushParams
from consent.asking.details import Details
from consent.asking.showings import Showing
from consent.ids import GrantId, UseId
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.recipients import register as recipients
from consent.recipients.register import Client
from consent.tokens.exchange import CodeExchange, Issued, exchange
from consent.wording import notices, purposes, terms
from consent.wording.notices import Notice
from consent.wording.terms import Terms
from tests.consent.wording.signatures import signed_terms
from vault.ids import Bucket, secret_hash
from vault.opening import Vault

REDIRECT = "https://app.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
JKT = "k" * 43
DAY_MS = 86_400_000
PURPOSE = "account"
FIELDS = ("email", "name", "phone")
_KEY = ECKey.generate_key("P-256", {"kid": "shop"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A recipient with everything it needs to ask."""

    client: Client
    notice: Notice
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A person of the city who has an account."""

    citizen: Citizen
    consumer: Consumer


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approved request that was not exchanged yet."""

    shop: Shop
    resident: Resident
    code: str
    grant_id: GrantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One use token and what it stands for."""

    resident: Resident
    text: str
    bucket: Bucket
    hash: bytes
    grant_id: GrantId
    use_id: UseId


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A vault with its people and its shops."""

    vault: Vault
    shops: Sequence[Shop]
    residents: Sequence[Resident]


def found(vault: Vault, now_ms: int, *, people: int, shops: int = 1, seed: int = 7) -> Town:
    """Seed the vocabulary, register the shops, enrol the people."""
    with vault.data.write() as conn:
        purposes.seed(conn)
    return Town(
        vault=vault,
        shops=[open_shop(vault, number, now_ms) for number in range(shops)],
        residents=enrol(vault, citizens(seed, people), now_ms),
    )


def open_shop(vault: Vault, number: int, now_ms: int, key: ECKey = _KEY) -> Shop:
    """Register one recipient with its notice and its terms."""
    registration = recipients.Registration(
        legal_name=f"Shop {number} Ltd",
        contact="privacy@shop.example",
        registration_no=f"R-{number}-{secrets.token_hex(4)}",
        redirect_uris=[REDIRECT],
        jwks={"keys": [key.as_dict(private=False)]},
    )
    with vault.data.write() as conn:
        who = recipients.register(conn, registration, now_ms)
        handling = notices.Handling(method="Our staff look it up.")
        notice = notices.publish(
            conn, who.recipient_id, PURPOSE, 1, "en", "We open your account.", now_ms, handling
        )
        owed = terms.publish(conn, who.recipient_id, 1, "A leak costs us.", "100.00", "CNY", "500.00", now_ms)
        owed = signed_terms(conn, owed, key, now_ms)
        client = recipients.client(conn, who.client_id)
    assert client is not None
    return Shop(client=client, notice=notice, terms=owed)


def enrol(vault: Vault, people: Iterable[Citizen], now_ms: int) -> list[Resident]:
    """Create the people and give each an account."""
    residents: list[Resident] = []
    for batch in batched(people, 5_000):
        answers = enrol_people(vault, [NewPerson(person.values()) for person in batch], now_ms)
        created = [answer for answer in answers if isinstance(answer, Enrolled)]
        assert len(created) == len(batch)
        residents += [
            Resident(citizen=c, consumer=Consumer(bucket=p.bucket, subject=p.subject, lang="en"))
            for c, p in zip(batch, created, strict=True)
        ]
    return residents


def show(  # what is asked, one by one
    vault: Vault, shop: Shop, resident: Resident, now_ms: int, *, uses: int = 1, batch: int | None = None
) -> Showing:
    """The shop asks and the request is shown to the person; one token spends all uses unless `batch` says fewer."""
    details = details_of_shop(shop, now_ms, uses=uses, batch=batch)
    params = PushParams(redirect_uri=REDIRECT, state=secrets.token_hex(4), code_challenge=CHALLENGE)
    with vault.data.write() as conn:
        pushed = ask.push(conn, vault.installation.buckets, shop.client, details, params, now_ms)
    assert isinstance(pushed, Pushed), pushed
    shown = claim(vault, resident.consumer, pushed.request_uri, shop.client.client_id, now_ms)
    assert isinstance(shown, Showing), shown
    return shown


def details_of_shop(shop: Shop, now_ms: int, *, uses: int = 1, batch: int | None = None) -> Details:
    """What the shop asks for."""
    return Details(
        purpose=PURPOSE,
        fields=FIELDS,
        optional_fields=(),
        max_uses=uses,
        ask="each" if uses == 1 else "counted",
        batch=batch or uses,
        window_from=None,
        window_to=now_ms + DAY_MS,
        retention="P30D",
        notice_id=shop.notice.id,
        notice_hash=shop.notice.hash,
        terms_id=shop.terms.id,
        terms_hash=shop.terms.hash,
    )


def approved(  # what is asked, one by one
    vault: Vault, shop: Shop, resident: Resident, now_ms: int, *, uses: int = 1, batch: int | None = None
) -> Approval:
    """The person says yes."""
    shown = show(vault, shop, resident, now_ms, uses=uses, batch=batch)
    yes = approve(vault, resident.consumer, shown.id, None, now_ms)
    assert isinstance(yes, Approved), yes
    return Approval(shop=shop, resident=resident, code=yes.code, grant_id=yes.grant_id)


def exchange_of(approval: Approval, jkt: str = JKT) -> CodeExchange:
    """The token request for an approval."""
    return CodeExchange(
        client_id=approval.shop.client.client_id,
        code=approval.code,
        redirect_uri=REDIRECT,
        code_verifier=VERIFIER,
        jkt=jkt,
    )


def token(town: Town, person: int, now_ms: int, *, uses: int = 1, shop: int = 0, jkt: str = JKT) -> Token:
    """A token of `uses` uses for one person, from the shop's question to the exchange of the code."""
    resident = town.residents[person]
    approval = approved(town.vault, town.shops[shop], resident, now_ms, uses=uses)
    issued = exchange(town.vault, exchange_of(approval, jkt), now_ms)
    assert isinstance(issued, Issued), issued
    return Token(
        resident=resident,
        text=issued.token,
        bucket=resident.consumer.bucket,
        hash=secret_hash(issued.token),
        grant_id=issued.grant_id,
        use_id=issued.use_id,
    )
