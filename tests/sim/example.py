"""A small story that came out well, as `api.demo.story` writes it; tests bend one number at a time."""

from __future__ import annotations

from copy import deepcopy
from typing import Any


def _suspect(name, kind, received, found, ln_e, strict) -> dict[str, Any]:
    named = kind == "leaker"
    weight = ln_e if strict is None else strict
    row = {"name": name, "kind": kind, "received": received, "found": found, "ln_e": ln_e}
    return {**row, "strict": strict, "weight": weight, "named": named}


STORY: dict[str, Any] = {
    "format": "perusal demo 1",
    "seed": 7,
    "seconds": 31.4,
    "began_at": "2026-11-22T00:00:00Z",
    "machine": "x86_64, 2 CPUs, Python 3.12.1",
    "city": {"people": 2400, "english": 600, "chinese": 1800},
    "apps": [
        {
            "name": name,
            "purpose": "account",
            "fields": ["email", "name", "phone"],
            "recipient_id": f"org_{name}",
            "asked": 60,
            "approved": 50,
            "refused": 10,
            "withdrawn": 3,
            "disclosures": 50,
        }
        for name in ("云上影院有限公司", "Lakeside <Hotels> Ltd")
    ],
    "traffic": {
        "requests": 4000,
        "seconds": 12.5,
        "per_second": 320,
        "asked": 120,
        "approved": 100,
        "refused": 20,
        "withdrawn": 6,
        "disclosures": 100,
    },
    "attempts": [
        {
            "what": "a use that is spent",
            "zh": "已用完",
            "kind": "spent",
            "tried": 9,
            "through": 0,
            "allowed": 0,
            "ok": True,
        },
        {"what": "a race", "zh": "并发", "kind": "race", "tried": 48, "through": 3, "allowed": 3, "ok": True},
    ],
    "leak": {
        "path": "leaked.csv",
        "rows": 450,
        "from_app": 50,
        "strangers": 400,
        "reformatted": 190,
        "ragged": 12,
        "size_bytes": 30000,
        "leaker": "云上影院有限公司",
    },
    "trace": {
        "id": "trc_x",
        "outcome": "named",
        "explained_by_nobody": 0,
        "cleared": 1,
        "lines": {"lines": 451},
        "format": {"encoding": "gb18030"},
        "statement": {"en": ["It was them."], "zh": ["是他们。"]},
        "people": 50,
        "threshold": 16.6,
        "false_accusation": 1e-06,
        "assumptions": {
            "en": ["Outside sources are at most this frequent."],
            "zh": ["外部来源至多如此频繁。"],
        },
    },
    "suspects": [
        _suspect("云上影院有限公司", "leaker", 50, 50, 231.8, 219.7),
        _suspect("Lakeside <Hotels> Ltd", "recipient", 50, 2, -40.2, None),
        _suspect("our own store", "control", 2300, 0, 0.0, None),
        _suspect("somewhere else", "control", None, None, 0.0, None),
    ],
    "claims": {"opened": 50, "pack": "claim-pack.zip", "amount": "200.00", "currency": "CNY"},
    "verification": [
        {"what": "a pack", "zh": "证据包", "command": "perusal verify", "checks": 30, "ok": True}
    ],
    "search": {"needles": 9600, "files": 5, "bytes": 9000000, "found": 0},
    "phases": [
        {"label": "installation", "begin": 0.0, "end": 1.2},
        {"label": "traffic", "begin": 1.2, "end": 14.0},
    ],
    "files": [{"name": "leaked.csv", "what": "the leaked file", "bytes": 30000, "sha256": "ab" * 32}],
}


def story(**changes: Any) -> dict[str, Any]:
    """The story with some of its parts replaced."""
    return {**deepcopy(STORY), **changes}
