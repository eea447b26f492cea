"""A proof of presence for any person and any showing: a passkey is added and signs the approval."""

from consent.accounts.authenticators import assertion_options, read_assertion, read_registration, relying_of
from consent.accounts.passkeys import add, handle_of
from consent.accounts.sign_ins import How
from consent.approving import step_up
from consent.approving.step_up import Proof
from consent.grants.promises import promised
from tests.authenticator import Authenticator, b64

ISSUER = "https://consent.example"
US = relying_of(ISSUER)
SESSION = "a session"


def with_passkey(vault, person, now) -> Authenticator:
    """An authenticator that holds a new passkey of the person's."""
    own = Authenticator(origin=ISSUER, rp_id="consent.example")
    who = (person.bucket, person.subject)
    handle = b64(handle_of(vault, who))
    answer = read_registration(own.create({"user": {"id": handle}, "challenge": "AAAA"}))
    with vault.data.write() as conn:
        add(conn, US, who, answer, "key", now)
    return own


def promise_of(vault, shown, now, fields=None):
    return promised(vault, shown, tuple(sorted(shown.fields if fields is None else fields)), now)


def signed(vault, shown, own, now, *, fields=None, offered_at=None, binding=SESSION, **bent) -> Proof:
    """What the person's passkey makes of the approval; keywords bend it."""
    offered = now if offered_at is None else offered_at
    said = step_up.statement(vault, shown, promise_of(vault, shown, now, fields), binding, offered)
    answer = read_assertion(own.get(assertion_options(US, said.digest), **bent))
    return Proof(binding=binding, offered_at=offered, how=How.PASSKEY, relying=US, answer=answer)


def proof_if_needed(vault, person, shown, now, fields=None) -> Proof | None:
    """A proof where the approval takes one, by a passkey that is added for it."""
    if not step_up.needed(promise_of(vault, shown, now, fields)):
        return None
    return signed(vault, shown, with_passkey(vault, person, now), now, fields=fields)
