"""A small town whose people gave things to a few apps, and a file that one of them lost."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consent.accounts.keys import Consumer
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.redemption.disclose import Disclosure, disclose_many
from tests.consent.world import App, World
from tests.vault.people import made_up as people

HOUR = 3_600_000


@dataclass
class Town:
    """`held[name]`: numbers of the people whose values the app received; `served[name]`: the rows it received."""

    world: World
    apps: dict[str, App]
    held: dict[str, list[int]]
    people: list[Consumer]
    served: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def vault(self):
        return self.world.vault

    def recipient(self, name: str) -> str:
        return str(self.apps[name].client.recipient.id)

    def give(self, name: str, numbers: list[int], fields: list[str]) -> None:
        """These people approve once each, and the app reads what they approved."""
        app = self.apps[name]
        for at in range(0, len(numbers), 50):
            issued = [self.world.token(app, self.people[n], datatypes=fields) for n in numbers[at : at + 50]]
            answers = disclose_many(self.vault, [self.world.request(one) for one in issued], self.world.now)
            assert all(isinstance(answer, Disclosure) for answer in answers), answers
        self.held[name] = sorted({*self.held.get(name, []), *numbers})

    def publish(self) -> None:
        publish(self.vault.data, Signer.of(self.vault), self.world.now)


def town(world: World, population: int) -> Town:
    return Town(world=world, apps={}, held={}, people=world.people(population))


def row(number: int) -> list[str]:
    values = people.values(number)
    return [values["name"], values["phone"], values["email"]]


def write(path: Path, rows: list[list[str]], encoding: str = "gb18030", heading: bool = True) -> bytes:
    lines = [["姓名", "手机", "邮箱"], *rows] if heading else rows
    raw = "".join(",".join(cells) + "\r\n" for cells in lines).encode(encoding)
    path.write_bytes(raw)
    return raw
