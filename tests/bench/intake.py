"""How fast dumps are read, shape by shape, each against delimited text in the same run.

The same people are written in every shape. `rows_per_second` is of processor time, without starting a process;
`isolated_rows_per_second` of the clock, through the parser's process, with its start and its pipe. Every
reading has to give every row.
"""

import argparse
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from breach.intake import opened
from breach.intake.isolated import Reading
from breach.intake.source import Held
from breach.intake.tally import Tally
from tests.bench import machine
from tests.bench.report import note
from tests.breach import packing


def arguments(parser: argparse.ArgumentParser) -> None:
    """The size; the default is what the published figures use."""
    parser.add_argument("--rows", type=int, default=200_000)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Read every shape."""
    shapes: dict[str, Any] = {}
    for shape, make in SHAPES.items():
        shapes[shape] = _measure(make(options.rows), options.rows)
        note(f"intake: {shape} {shapes[shape]['rows_per_second']:,} rows/s")
    reference = shapes["delimited"]["rows_per_second"]
    for found in shapes.values():
        found["ratio_to_delimited"] = round(found["rows_per_second"] / reference, 3)
    return {"machine": machine.describe(), "rows": options.rows, "shapes": shapes}


def _measure(raw: bytes, rows: int) -> dict[str, Any]:
    source, tally = Held(raw), Tally()
    begun = time.process_time()
    count = _rows(opened.blocks(source, opened.look(source), tally))
    seconds = time.process_time() - begun
    begun = time.perf_counter()
    with Reading(source) as reading:
        again = _rows(reading.blocks())
    clock = time.perf_counter() - begun
    return {
        "bytes": len(raw),
        "rows_per_second": round(count / seconds),
        "isolated_rows_per_second": round(again / clock),
        "complete": count == again == rows and tally.reconciled,
    }


def _rows(blocks: Iterator[Any]) -> int:
    return sum(len(part.rows) for block in blocks for part in block.parts)


def _person(n: int) -> list[str]:
    return [
        str(n),
        f"王{n % 97}伟",
        f"139{n:08d}",
        f"reader{n}@example.net",
        "北京市朝阳区某某路",
        "2019-01-01 10:00",
    ]


def _delimited(rows: int) -> bytes:
    return "".join(",".join(_person(n)) + "\n" for n in range(rows)).encode()


def _inserts(rows: int) -> bytes:
    tuples = (f"({','.join(f"'{cell}'" for cell in _person(n))})" for n in range(rows))
    return f"INSERT INTO `u` VALUES {','.join(tuples)};\n".encode()


def _copy(rows: int) -> bytes:
    lines = "".join("\t".join(_person(n)) + "\n" for n in range(rows))
    return f"COPY u FROM stdin;\n{lines}\\.\n".encode()


def _json(rows: int) -> bytes:
    names = ("id", "name", "phone", "mail", "address", "at")
    people = (dict(zip(names, _person(n), strict=True)) for n in range(rows))
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in people).encode()


def _combo(rows: int) -> bytes:
    return "".join(f"reader{n}@example.net:pa:ss{n}\n" for n in range(rows)).encode()


def _text(rows: int) -> bytes:
    return "".join(f"10:00 INFO {n} reader{n}@example.net called 139{n:08d}\n" for n in range(rows)).encode()


def _workbook(rows: int) -> bytes:
    return packing.workbook([[_person(n) for n in range(rows)]])


SHAPES: dict[str, Callable[[int], bytes]] = {
    "delimited": _delimited,
    "insert": _inserts,
    "copy": _copy,
    "json": _json,
    "combo": _combo,
    "text": _text,
    "workbook": _workbook,
    "zip": lambda rows: packing.zipped([_delimited(rows)], zipfile.ZIP_DEFLATED),
    "7z": lambda rows: packing.sevenzipped([_delimited(rows)]),
}


def failures(result: dict[str, Any]) -> Iterator[str]:
    """A shape that does not give every row is wrong; being slow is reported and not a failure."""
    for shape, found in result["shapes"].items():
        if not found["complete"]:
            yield f"{shape}: rows are missing"
