"""The sender of `perusal serve --demo`: it shows codes on the server's own standard error, the address masked.

Never for people: whoever reads the terminal signs in as anybody. Only the demonstration's option installs it, and
that serves this machine alone.
"""

import sys

from api.senders.message import Channel, Message, Senders
from vault.fields.catalogue import BUILTIN


class Console:
    """Writes codes where the person who started the demonstration sees them."""

    def send(self, message: Message) -> None:
        """Show one code."""
        masked = BUILTIN.field(message.channel.value).mask(message.to)
        said = (
            f"sign-in code for {masked}: {message.code}" if message.code else f"to {masked}: {message.text}"
        )
        sys.stderr.write(f"demo: {said}\n")


def console_senders() -> Senders:
    """The console for every channel."""
    return dict.fromkeys(Channel, Console())
