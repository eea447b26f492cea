"""Where a provider may be reached: over TLS, or on this machine."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def checked_address(address: str) -> SplitResult:
    """The parts of http(s)://host[:port][/prefix]; raises ValueError for anything else, and for http elsewhere."""
    url = urlsplit(address)
    plain = (
        url.scheme in ("http", "https") and url.hostname and not (url.query or url.fragment or url.username)
    )
    if not plain:
        raise ValueError("address must be http(s)://host[:port][/prefix]")
    if url.scheme == "http" and not _is_this_machine(url.hostname or ""):
        raise ValueError("plain http is for this machine only: use https")
    return url


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
