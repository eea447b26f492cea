"""Which texts from outside may be stored or looked up: those every data base can hold and every page can show.

PostgreSQL cannot hold NUL, nothing can encode half a surrogate pair, and other control characters have no
business in a name, an id or a `state`; a notice may have lines and tabs.
"""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def storable(text: str, *, lines: bool = False) -> bool:
    """Whether `text` is free of control characters; `lines` allows line ends and tabs."""
    return (_CONTROL_IN_LINES if lines else _CONTROL).search(text) is None
