"""What is asked at `/introspect` and what is answered, as values: for whoever collects questions and for
whoever answers them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from api.oauth.errors import OAuthRefused
from consent.recipients.register import Client
from consent.tokens.introspection import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client shows of itself: the members of its form, its `DPoP` headers, and the path it sent them to."""

    form: Mapping[str, str]
    proofs: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A form sent to `/introspect`; `renewed` once its client's keys were fetched, or could not be."""

    credentials: Credentials
    renewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an authenticated client is to hear."""

    client: Client
    answer: Answer


class Before(Enum):
    """What has to be done before a question can be answered."""

    KEYS_DUE = auto()


type Outcome = Told | OAuthRefused | Before
