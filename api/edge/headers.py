"""Security headers on every answer of the server, errors and unknown paths included.

Pages load nothing from anywhere else and run no script, but for the pages of a passkey's ceremony and the one
that asks whether somebody was in a leak: a browser signs only when a script asks it to, and hides what is asked
for only when a script does. Both are files of ours. `form-action` holds the other exception: browsers apply it
to redirects that follow a form, so the approval page alone must also allow the recipient's redirect origin, or
the person's answer would never arrive. Whatever a handler sets itself wins.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from litestar.types import Message, Scope

CSP = "content-security-policy"
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action {actions}; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    CSP: _CSP.format(actions="'self'"),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # The default is the careful one: only the few public documents say otherwise.
    "cache-control": "no-store",
}
_HSTS = "max-age=63072000; includeSubDomains"

type SendHook = Callable[[Message, Scope], Awaitable[None]]


def approval_policy(redirect_uri: str) -> dict[str, str]:
    """The content policy of one approval page, whose form ends in a redirect to `redirect_uri`."""
    parts = urlsplit(redirect_uri)
    return {CSP: _CSP.format(actions=f"'self' {parts.scheme}://{parts.netloc}")}


def script_policy(redirect_uri: str = "") -> dict[str, str]:
    """The content policy of a page with a passkey's ceremony: our own files may run there, nothing else may."""
    policy = approval_policy(redirect_uri)[CSP] if redirect_uri else _ALWAYS[CSP]
    return {CSP: f"{policy}; script-src 'self'"}


def asking_policy() -> dict[str, str]:
    """The content policy of the page whose script asks this server, and no other, for something."""
    return {CSP: f"{_ALWAYS[CSP]}; script-src 'self'; connect-src 'self'"}


def security_headers(*, secure: bool) -> SendHook:
    """A hook for `before_send` that adds each header the answer does not have yet."""
    wanted = _ALWAYS | ({"strict-transport-security": _HSTS} if secure else {})
    pairs = [(name.encode(), value.encode()) for name, value in wanted.items()]

    async def add_headers(message: Message, _scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = list(message["headers"])
        present = {name.lower() for name, _ in headers}
        message["headers"] = [*headers, *(pair for pair in pairs if pair[0] not in present)]

    return add_headers
