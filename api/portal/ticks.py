"""The fields of a request as tick boxes: a ticked one is in the form as `field.<code>`."""

from collections.abc import Iterable

_PREFIX = "field."


def ticked_in(form: Iterable[str]) -> frozenset[str]:
    """The codes of the fields whose boxes are ticked, by the members of a form; anybody may have written it."""
    return frozenset(name.removeprefix(_PREFIX) for name in form if name.startswith(_PREFIX))


def as_ticked(codes: Iterable[str]) -> dict[str, str]:
    """The members of a form in which these are ticked, for the next page to carry on."""
    return {f"{_PREFIX}{code}": "yes" for code in sorted(codes)}
