"""What each kind of job does."""

from collections.abc import Mapping

from api.clock import Clock
from api.jobs.worker import Work
from api.settings import Settings
from vault.opening import Vault


def work_of(settings: Settings, vault: Vault, clock: Clock) -> Mapping[str, Work]:
    """The work of one installation by kind of job."""
    return {}
