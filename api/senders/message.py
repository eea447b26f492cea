"""What a sender is: whoever writes one for an SMS gateway implements `Sender` and nothing else of ours.

`send` is called on a thread of its own, one message at a time; it returns when the message is handed over, or
raises `NotSent` within about ten seconds. What it is given is personal and secret: it may go to the person, and
into no log, error or file. The error's `reason` is logged, so it says what failed and never for whom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Channel(StrEnum):
    """What kind of address a message goes to; the values are the codes of the vault's fields."""

    EMAIL = "email"
    SMS = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One code on its way. `to` is an address in canonical form: of a phone E.164 with its plus sign, of a mailbox
    lower case; `text` is the whole message in the person's language, `code` the six digits inside it, empty where
    it only tells the person something.
    """

    channel: Channel
    to: str
    subject: str
    text: str
    code: str

    def __repr__(self) -> str:
        return f"Message({self.channel.value!r})"


class NotSent(Exception):
    """A message could not be handed over; `reason` is a word for the operator's log, without a personal value.

    `only_here` says that this one address was refused, and others may not be.
    """

    def __init__(self, reason: str, *, only_here: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.only_here = only_here


class Sender(Protocol):
    """Hands messages of one channel over to whoever delivers them."""

    def send(self, message: Message) -> None:
        """Hand one message over; raises NotSent."""
        ...


type Senders = Mapping[Channel, Sender]
