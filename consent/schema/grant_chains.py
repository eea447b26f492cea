"""A consent for onward provision stands while every consent above it is active: said once, as SQL.

A chain is short, so the walk up is written out. A consent that ended with what it stood under has a state that
says so already; this finds the one whose parent is used up, past its window or paused.
"""

from typing import Final

MOST_HOPS: Final = 3
"""How many consents may stand above one another below the first."""


def stands(grant: str, hops: int = MOST_HOPS) -> str:
    """A condition on the row `grant` of `consent_grant`: that nothing above it has ceased to be active.

    It costs nothing for a consent without a parent, and never reads more than the few rows of the chain:
    counted, because a planner without statistics may answer EXISTS by reading every active consent first.
    """
    if not hops:
        return "1 = 1"  # a check constraint lets no chain be longer
    above = f"p{hops}"
    return (
        f"({grant}.parent_grant IS NULL OR 1 = (SELECT count(*) FROM consent_grant {above} "
        f"WHERE {above}.bucket = {grant}.bucket AND {above}.id = {grant}.parent_grant "
        f"AND {above}.state = 'active' AND {stands(above, hops - 1)}))"
    )
