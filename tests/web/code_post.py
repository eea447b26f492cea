"""A sender that keeps what it is handed, and a person who asks for a code and enters what arrived."""

import re
from dataclasses import dataclass, field
from html import unescape

from api.senders.message import Channel, Message


@dataclass
class Kept:
    """Every message that left, in order."""

    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.messages.append(message)

    def senders(self):
        return dict.fromkeys(Channel, self)


def newest(world, kept: Kept) -> Message:
    """What left last, once everything has."""
    world.http.app.state.services.post_room.settle()
    return kept.messages[-1]


def hidden(page) -> dict[str, str]:
    """The hidden members of a page's form."""
    found = re.findall(r'type="hidden" name="([\w.]+)" value="([^"]*)"', page.text)
    return {name: unescape(value) for name, value in found}


def ask_for_code(person, address, start=None):
    """Ask on the sign-in page; the answer, which is where the code is entered."""
    page = start or person.get(f"/{person.lang}/sign-in")
    return person.post(f"/{person.lang}/sign-in/code", {**hidden(page), "address": address})


def enter_code(person, page, code):
    return person.post(f"/{person.lang}/sign-in/code/check", {**hidden(page), "code": code})
