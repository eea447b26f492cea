"""When an approval was offered, as only our own page can say it: the instant goes out in the form under a MAC.

A proof of presence is good for five minutes from then (`consent.approving.step_up`), and the instant is part of
what the person signs. Without the MAC a form could name any instant within them, for a page that nobody was
shown.
"""

import hashlib
import hmac

from api.wiring import Services

_LABEL = b"perusal offer v1\0"


def offer(services: Services, binding: str, showing: str, at_ms: int) -> str:
    """The text of an offer, made at an instant (Unix ms), to approve this showing in this session."""
    said = f"{at_ms}\0{showing}\0{binding}".encode()
    return f"{at_ms}.{hmac.digest(services.csrf_key, _LABEL + said, hashlib.sha256).hex()}"


def offered_at(services: Services, binding: str, showing: str, text: str) -> int | None:
    """The instant of an offer of ours, or None: another session's, another showing's, or nobody's."""
    digits = text.partition(".")[0]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        return None
    known = offer(services, binding, showing, int(digits))
    return int(digits) if hmac.compare_digest(known.encode(), text.encode()) else None
