"""What a person is called on the pages of those who stand for them, and the other way round: masked, like every value."""

from vault.ids import Person
from vault.opening import Vault
from vault.reading.records import masked

_BY = ("name", "phone", "email")


def called(vault: Vault, who: Person) -> str:
    """The masked name of somebody, or else how they are reached; empty when nothing of it is on file."""
    values = masked(vault, who[1], _BY)
    return next((values[field] for field in _BY if values.get(field)), "")


def told_apart(vault: Vault, who: Person) -> str:
    """The same with the year of birth, for somebody who stands in a list with others."""
    name, born = called(vault, who), masked(vault, who[1], ["birth_date"]).get("birth_date")
    return f"{name} ({born[:4]})" if born else name
