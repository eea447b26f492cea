"""Base64url without padding (RFC 4648 §5, RFC 7515 §2): bytes in addresses, tokens and keys."""

import base64
import binascii


def b64url(raw: bytes) -> str:
    """The one text of these bytes."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64url(text: object) -> bytes:
    """The bytes of which this is the one text, without padding and stray bits; raises ValueError."""
    if not isinstance(text, str) or "=" in text:
        raise ValueError("not base64url")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None
    if b64url(raw) != text:
        raise ValueError("not base64url in its one form")
    return raw
