"""Answers that whoever has them already need not be sent again: entity tags (RFC 9110 §8.8.3, §13.1.2)."""

import base64
import hashlib
from typing import Any

from litestar import Request


def entity_tag(*parts: bytes) -> str:
    """A tag for what these parts make up."""
    whole = b"".join(hashlib.sha256(part).digest() for part in parts)
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(whole).digest()[:12]).decode()}"'


def has_already(request: Request[Any, Any, Any], tag: str) -> bool:
    """Whether the caller holds what `tag` stands for; the comparison is a weak one."""
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    return bool(known & {tag, "*"})
