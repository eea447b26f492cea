"""No other site can make a person's browser act here: two independent checks on every unsafe portal request.

1. The form carries a token that is an HMAC of the browser's own cookie, so it is worthless in any other
   session and cannot be made by a site that plants a cookie.
2. The browser itself says the request came from our own pages: `Sec-Fetch-Site: same-origin`, or an `Origin`
   equal to the issuer. (Our pages send no referrer, so browsers may write `Origin: null`; that proves
   nothing either way.) A request with neither statement is refused.
"""

import hashlib
import hmac
from collections.abc import Mapping

from vault.base64url import b64url

FIELD = "csrf"
_LABEL = b"perusal csrf v1\0"


def csrf_token(key: bytes, binding: str) -> str:
    """The token for pages shown to the browser that holds `binding` in its cookie."""
    digest = hmac.digest(key, _LABEL + binding.encode(), hashlib.sha256)
    return b64url(digest)


def token_matches(key: bytes, binding: str, token: str) -> bool:
    """Whether a form's token belongs to this browser, in constant time."""
    return hmac.compare_digest(csrf_token(key, binding).encode(), token.encode())


def from_own_pages(headers: Mapping[str, str], issuer: str) -> bool:
    """Whether the browser vouches that the request started on our own pages."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin not in {None, "null", issuer}:
        return False
    return site == "same-origin" or origin == issuer
