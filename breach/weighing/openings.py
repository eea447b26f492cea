"""What is opened of the keys of marks: the bits of the positions a trace weighed, and nothing else of an epoch.

A file of JSON lines, UTF-8, members sorted, no blanks; equal traces give equal bytes, and their SHA-256 stands
in the report.

| line     | members                                                                                  |
|----------|------------------------------------------------------------------------------------------|
| first    | `version` 1; `trace`; `recipients`: ids, by which the others are numbered; `epochs`: number |
|          | and `commitment` (SHA-256, as the ledger has it) of every key that was used               |
| position | `epoch`; `message`: the position's part of what the keyed function is asked, hexadecimal   |
|          | (`consent.marks.symbols`); `row`: number of the person in the file; `bias`; `read`: the bit |
|          | the file shows; `bits`: of every recipient that was served it, by number, its own bit      |

With it alone anybody weighs the marks again (`perusal marks check`). That bits and biases are those of the
committed key is for an expert who is shown the key: it is a function of position and recipient, so what is
opened tells nothing about the rest.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from breach.errors import BreachError
from breach.trace.codes import Decoded, Marks, Scorer, decode
from breach.trace.guilt import ln_mean_exp
from consent.marks.symbols import BIASES

VERSION: Final = 1
_CLOSE: Final = 1e-4
"""Nats: figures of a report are rounded to six decimals, and what is added up of them is off by a little more."""


class BadOpenings(BreachError):
    """The file is not what `perusal trace` writes about marks."""

    code = "bad_openings"


def written(
    trace: str,
    recipients: Sequence[str],
    read: Marks,
    places: Sequence[tuple[int, bytes]],
    commitments: Mapping[int, bytes],
) -> Iterator[str]:
    """The lines of the file, each with its end. `places`: (epoch, message) of every position, in their order."""
    used = sorted({epoch for epoch, _ in places})
    yield _line(
        {
            "version": VERSION,
            "trace": trace,
            "recipients": list(recipients),
            "epochs": [{"number": epoch, "commitment": commitments[epoch].hex()} for epoch in used],
        }
    )
    bits: list[dict[str, int]] = [{} for _ in places]
    for holder, position, bit in zip(read.holders, read.positions, read.symbols, strict=True):
        bits[position][str(holder)] = int(bit)
    for at, (epoch, message) in enumerate(places):
        yield _line(
            {
                "epoch": epoch,
                "message": message.hex(),
                "row": int(read.rows[at]),
                "bias": float(read.biases[at]),
                "read": int(read.bits[at]),
                "bits": bits[at],
            }
        )


def digest(lines: Iterable[str]) -> str:
    """SHA-256 of the file, hexadecimal."""
    hashed = hashlib.sha256()
    for line in lines:
        hashed.update(line.encode())
    return hashed.hexdigest()


def opened(lines: Sequence[str]) -> tuple[tuple[str, ...], Marks]:
    """The recipients and the marks of a file; raises BadOpenings."""
    try:
        first, *rest = map(json.loads, lines)
        if first["version"] != VERSION:
            raise BadOpenings("written by another version")
        recipients = tuple(map(str, first["recipients"]))
        held = [(int(k), at, bit) for at, one in enumerate(rest) for k, bit in one["bits"].items()]
        held.sort()
        marks = Marks(
            suspects=len(recipients),
            biases=np.array([one["bias"] for one in rest], dtype=np.float64),
            bits=np.array([one["read"] for one in rest], dtype=np.uint8),
            rows=np.unique([int(one["row"]) for one in rest], return_inverse=True)[1],
            holders=np.array([k for k, _, _ in held], dtype=np.int64),
            positions=np.array([at for _, at, _ in held], dtype=np.int64),
            symbols=np.array([bit for _, _, bit in held], dtype=np.uint8),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise BadOpenings("not a file of opened marks") from error
    if not _possible(marks):
        raise BadOpenings("a figure is out of its range")
    return recipients, marks


def differences(lines: Sequence[str], report: Mapping[str, Any]) -> list[str]:
    """Recipients whose figure of marks is another when it is weighed again; empty when all agree. Raises BadOpenings."""
    recipients, marks = opened(lines)
    told = {line["recipient"]: line for line in report["ranking"] if line["kind"] == "recipient"}
    if set(told) != set(recipients):
        raise BadOpenings("the report is about other recipients")
    decoded = decode(Scorer(marks), report["threshold"], [_beside(told[one]) for one in recipients])
    return [one for k, one in enumerate(recipients) if not _agrees(decoded, k, told[one]["ln_e_marks"])]


def _agrees(decoded: Decoded, k: int, told: float | None) -> bool:
    return (told is None) == (not decoded.held[k]) and abs(decoded.ln_e[k] - (told or 0.0)) < _CLOSE


def _beside(line: Mapping[str, Any]) -> float:
    """What counted besides the marks: the ledger's word as the mean with 1, and aliases (`trace.attribute`)."""
    strict = -math.inf if line["ln_e_strict"] is None else line["ln_e_strict"]
    return ln_mean_exp((0.0, strict)) + float(line["ln_e_contacts"] or 0.0)


def _possible(marks: Marks) -> bool:
    known = (marks.holders >= 0) & (marks.holders < marks.suspects)
    lawful = np.isin(marks.biases, [p for p, _ in BIASES])
    return all(map(np.all, (lawful, known, marks.bits < 2, marks.symbols < 2)))


def _line(members: Mapping[str, Any]) -> str:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
