"""The style sheet of such a page: what all have in common, and behind it what is the page's own."""

from importlib.resources import files
from importlib.resources.abc import Traversable

_COMMON = files("api.sheet") / "sheet.css"


def with_own(own: Traversable) -> str:
    """The common rules and those of `own`, which come later and so decide."""
    return _COMMON.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
