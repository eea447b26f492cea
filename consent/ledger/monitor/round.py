"""What comes of looking at one log once."""

from dataclasses import dataclass, field
from typing import Final

from consent.ledger.monitor.alerts import Alert
from consent.ledger.monitor.store import Seen

MOST_ALERTS: Final = 100
"""Of one round: a log that is all lies says so with fewer."""


@dataclass(slots=True)
class Round:
    """The head that was accepted, if one was, and what is wrong."""

    accepted: Seen | None = None
    alerts: list[Alert] = field(default_factory=list)

    @property
    def takes_more(self) -> bool:
        """Whether there is room for another alert."""
        return len(self.alerts) < MOST_ALERTS

    def tell(self, alert: Alert) -> None:
        """Add an alert, unless there are as many as anybody reads."""
        if self.takes_more:
            self.alerts.append(alert)

    def end(self, alert: Alert) -> None:
        """Add what the round ended with, however many there are."""
        self.alerts.append(alert)
