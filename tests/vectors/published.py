"""Reads the frozen examples of public standards that lie beside this file; each says where it was taken from."""

import json
from pathlib import Path
from typing import Any


def published(name: str) -> dict[str, Any]:
    """The vectors of `<name>.json`."""
    found = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    assert found.pop("provenance")
    return found
