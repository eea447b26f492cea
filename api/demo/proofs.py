"""Everything the story claims, checked by programs of their own: proofs that must hold, and one that must not.

A changed copy of a bundle is checked too and must be refused, because a verifier that accepts everything would
pass all the other checks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from api.demo.programs import ProgramFailed, perusal

POLICY = "policy.txt"
AT_ONCE = 2


def verify_everything(home: Path, out: Path, pack: str) -> list[dict[str, Any]]:
    """One row for each proof: what, by which command, how many checks, and whether it came out as it must."""
    checks = [
        partial(_bundle, out, "use-proof.zip", "one person's own use", "一名居民自己的使用记录"),
        partial(_whole_ledger, home),
        partial(_doctor, home),
    ]
    if pack:
        what, zh = "one person's claim pack", "一名居民的索赔证据包"
        checks[1:1] = [partial(_bundle, out, pack, what, zh), partial(_changed_copy, home, out, pack)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [row.result() for row in [pool.submit(check) for check in checks]]


def _bundle(out: Path, name: str, what: str, zh: str) -> dict[str, Any]:
    command = f"perusal verify {name} --policy {POLICY}"
    try:
        told = perusal("verify", out / name, "--policy", out / POLICY)
    except ProgramFailed:
        return _row(what, zh, command, 0, ok=False)
    return _row(what, zh, command, len(told["checks"]), ok=told["ok"] and told["anchored"])


def _changed_copy(home: Path, out: Path, name: str) -> dict[str, Any]:
    """One byte in the middle of the pack is changed; the copy must be refused with exit code 1."""
    raw = bytearray((out / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    copy = home / "changed.zip"
    copy.write_bytes(raw)
    what, zh = "the same pack with one bit changed: refused", "同一证据包改动一位：被拒绝"
    command = f"perusal verify changed.zip --policy {POLICY}"
    try:
        told = perusal("verify", copy, "--policy", out / POLICY, expect=1)
    except ProgramFailed:
        return _row(what, zh, command, 0, ok=False)
    finally:
        copy.unlink()
    return _row(what, zh, command, len(told["checks"]), ok=not told["ok"])


def _whole_ledger(home: Path) -> dict[str, Any]:
    what, zh, command = "the whole ledger, rebuilt entry by entry", "整个账本逐条重建", "perusal ledger fsck"
    try:
        told = perusal("ledger", "fsck", "--dir", home)
    except ProgramFailed:
        return _row(what, zh, command, 0, ok=False)
    return _row(what, zh, command, sum(log["entries"] for log in told["logs"]), ok=told["ok"])


def _doctor(home: Path) -> dict[str, Any]:
    what, zh, command = "the installation itself", "安装环境", "perusal doctor"
    try:
        told = perusal("doctor", "--dir", home)
    except ProgramFailed:
        return _row(what, zh, command, 0, ok=False)
    return _row(what, zh, command, len(told["checks"]), ok=told["ok"])


def _row(what: str, zh: str, command: str, checks: int, *, ok: bool) -> dict[str, Any]:
    return {"what": what, "zh": zh, "command": command, "checks": checks, "ok": ok}
