"""Whom a signed-in person answers for: themselves, or a ward by a link that is named in forms and addresses."""

from collections.abc import Mapping
from typing import Final

from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.called import told_apart
from api.wiring import Services
from consent.asking.guarding import charge, charges, link_text
from vault.families.guardians import Guardianship

WHOM: Final = "for"
"""The member of a form or address that says whom an answer is for."""
MYSELF: Final = "me"


def deciding(services: Services, session: Session) -> list[Guardianship]:
    """The links by which this person decides for others now."""
    return [tie for tie in standing(services, session) if tie.decides_at(services.clock())]


def standing(services: Services, session: Session) -> list[Guardianship]:
    """The links by which this person stands for others now, whether or not they decide."""
    with services.vault.data.read() as conn:
        return charges(conn, (session.bucket, session.subject), services.clock())


def wards_to_choose(services: Services, session: Session) -> dict[str, str]:
    """The wards this person decides for: the link's name, and what the ward is called."""
    ties = deciding(services, session)
    return {link_text(tie): told_apart(services.vault, (tie.bucket, tie.ward)) for tie in ties}


def ward_meant(services: Services, session: Session, members: Mapping[str, str]) -> Guardianship | None:
    """The link that the members name, None for the person themselves; raises when it is not theirs (any more)."""
    name = members.get(WHOM, MYSELF)
    return None if name == MYSELF else ward_named(services, session, name)


def ward_named(services: Services, session: Session, name: str) -> Guardianship:
    """The link of this name by which the person stands for somebody; raises 404 where there is none."""
    with services.vault.data.read() as conn:
        tie = charge(conn, (session.bucket, session.subject), name, services.clock())
    if tie is None:
        raise Problem(404, "not_found")
    return tie
