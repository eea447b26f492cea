"""Families for the consent floor's tests: wards, guardians by a link, and what a guardian approves for a ward."""

from dataclasses import dataclass

from consent.accounts.keys import Consumer
from consent.approving.approve import Approved, Showing, approve, claim
from consent.families.ties import Guardianship, Tie, appoint
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from tests.consent.presence import proof_if_needed
from tests.consent.world import App, World

PROOF = bytes(range(32))
CHILD = "2015-03-04"
"""Eleven years old in the world's November 2026, and fourteen in March 2029."""


@dataclass(frozen=True)
class Family:
    """A ward and people who stand for them, each by a link."""

    world: World
    ward: Consumer
    guardians: list[Consumer]
    ties: list[Guardianship]

    def show(self, app: App, at: int = 0, **changes) -> Showing:
        pushed = self.world.push(app, **changes)
        shown = claim(
            self.world.vault,
            self.guardians[at],
            pushed.request_uri,
            app.client.client_id,
            self.world.now,
            self.ties[at],
        )
        assert isinstance(shown, Showing), shown
        return shown

    def approve(self, app: App, at: int = 0, **changes) -> Approved:
        shown = self.show(app, at, **changes)
        proof = proof_if_needed(self.world.vault, self.guardians[at], shown, self.world.now)
        done = approve(self.world.vault, self.guardians[at], shown.id, None, self.world.now, proof)
        assert isinstance(done, Approved), done
        return done


def enrolled(world: World, *values: dict[str, str]) -> list[Consumer]:
    answers = enrol_people(world.vault, [NewPerson(one) for one in values], world.now)
    assert all(isinstance(one, Enrolled) for one in answers), answers
    return [Consumer(bucket=one.bucket, subject=one.subject, lang="en") for one in answers]


def family(world: World, *, born: str | None = CHILD, kind: Tie = Tie.PARENT, guardians: int = 1) -> Family:
    """A ward with so many guardians; `born` None for a birthday nobody knows."""
    world.made += 1
    birthday = {} if born is None else {"birth_date": born}
    phones = [f"138{world.made:04d}{at:04d}" for at in range(guardians + 1)]
    ward, *others = enrolled(
        world,
        {"name": "Kim", "phone": phones[0], **birthday},
        *(
            {"name": f"Pat {at}", "phone": phone, "birth_date": "1980-01-01"}
            for at, phone in enumerate(phones[1:])
        ),
    )
    ties = [appoint(world.vault, ward.subject, one.subject, kind, PROOF, world.now) for one in others]
    assert all(isinstance(tie, Guardianship) for tie in ties), ties
    return Family(world, ward, others, ties)
