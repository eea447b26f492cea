"""Comparing a proof's `htu` with a route's own address (RFC 9449 §4.3): equal after normalisation, and never looser.

RFC 3986 §6.2.2 and §6.2.3, to the letter: case of scheme, host and percent-encodings; only unreserved characters are
decoded, so that `%2F` stays another thing than a slash; dot segments; the default port; an empty path is `/`. Query
and fragment are passed over. What is no absolute http(s) URI, names a user, or encodes its host equals nothing.
"""

import re
from functools import lru_cache

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9._~!$&'()*+,;=-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>(?:/(?:[a-z0-9._~!$&'()*+,;=:@-]|%[0-9a-f]{2})*)*)"
    r"(?:\?[!-\"$-~]*)?(?:#[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def same_url(one: str, other: str) -> bool:
    """Whether both are URLs and lead to the same place."""
    normal = normal_url(one)
    return normal is not None and normal == normal_url(other)


@lru_cache(maxsize=1024)
def normal_url(url: str) -> str | None:
    """A URL as it is compared, None for what is none."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme, port = found["scheme"].lower(), found["port"]
    host = found["host"].lower()
    place = f"{host}:{int(port)}" if port and int(port) != _DEFAULT_PORTS[scheme] else host
    return f"{scheme}://{place}{_without_dots(_decoded(found['path']))}"


def _decoded(path: str) -> str:
    def normal(found: re.Match[str]) -> str:
        character = chr(int(found[0][1:], 16))
        return character if character in _UNRESERVED else found[0].upper()

    return _ENCODED.sub(normal, path)


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4 for a path that is empty or begins with a slash."""
    kept: list[str] = []
    *segments, last = path.split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last == "..":
        del kept[-1:]
    return "/" + "/".join([*kept, "" if last in {".", ".."} else last])
