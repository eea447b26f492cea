"""What is fuzzed: every parser of stored bytes in the vault and of dumps, with the law it must keep whatever comes in.

A target takes bytes and raises only when the law is broken; refusals of the parser's own kind are swallowed.
`seeds` are genuine inputs, from which the fuzzer starts.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from breach.errors import DumpRefused
from breach.intake import opened
from breach.intake.columns import recognise
from breach.intake.dialect import Dialect, Shape
from breach.intake.reading import read
from breach.intake.source import Held
from breach.intake.tally import Tally
from tests.breach import corpus
from vault.errors import MalformedId
from vault.ids import RecordId, SubjectId, TenantId, decode_id, encode_id, secret_bucket
from vault.keys.wrapping import context, unwrap, wrap
from vault.sealing.sealed import Place, Suite, Unopenable, blob_epoch, open_sealed, seal
from vault.sealing.stream import SealingWriter, open_stream

KEY = bytes(range(32))
PLACE = Place(TenantId(b"t" * 16), SubjectId(b"s" * 16), RecordId(b"r" * 16), "phone", 1, 7)
TEXTS = (b"", b"13812345678", "\u5f20\u4e09\u4e30".encode(), b"x" * 300)
BLOBS = {
    seal(KEY, 3, PLACE, text, bytes([at + suite]) * 24, suite=suite): text
    for at, text in enumerate(TEXTS)
    for suite in Suite
}


def blob(data: bytes) -> None:
    """A blob opens to what was sealed, or not at all: nothing but the genuine bytes may open."""
    try:
        blob_epoch(data)
        opened = open_sealed(KEY, PLACE, data)
    except Unopenable:
        assert data not in BLOBS, "a genuine blob did not open"
        return
    assert BLOBS.get(data) == opened, "bytes that were never sealed opened"


def _streams() -> dict[bytes, bytes]:
    sealed = {}
    for at, text in enumerate((*TEXTS, b"y" * 70_000)):
        file = io.BytesIO()
        with SealingWriter(file, KEY, salt=bytes([at]) * 32) as writer:
            writer.write(text)
        sealed[file.getvalue()] = text
    return sealed


STREAMS = _streams()


def stream(data: bytes) -> None:
    """A sealed stream ends without an error only when it is, byte for byte, one that was written."""
    try:
        opened = b"".join(open_stream(io.BytesIO(data), KEY))
    except Unopenable:
        assert data not in STREAMS, "a genuine stream did not open"
        return
    assert STREAMS.get(data) == opened, "bytes that were never written opened"


def _wrapped() -> dict[bytes, bytes]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return {wrap(AESGCM(KEY), bytes([at]) * 32, context(b"sk", 1)): bytes([at]) * 32 for at in range(4)}


WRAPPED = _wrapped()


def wrapped(data: bytes) -> None:
    """A wrapped key unwraps only from its own bytes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        opened = unwrap(AESGCM(KEY), data, context(b"sk", 1))
    except Unopenable:
        assert data not in WRAPPED
        return
    assert WRAPPED.get(data) == opened


def names(data: bytes) -> None:
    """A text is an id or a secret of ours only when it is exactly what we would write."""
    text = data.decode("latin-1")
    with contextlib.suppress(MalformedId):
        assert encode_id("gr", decode_id("gr", text)) == text
    with contextlib.suppress(MalformedId):
        assert 0 <= secret_bucket("cut", text) < 4096


def dump(data: bytes) -> None:
    """A dump is refused with a code, or read with every line of it accounted for."""
    source, tally = Held(data), Tally()
    try:
        dialect = opened.look(source)
    except DumpRefused:
        return
    rows = 0
    for block in opened.blocks(source, dialect, tally):
        rows += sum(len(part.rows) for part in block.parts)
        assert all(type(cell) is str for part in block.parts for row in part.rows for cell in row)
    assert tally.reconciled, "lines are missing"
    assert rows <= tally.rows, "rows came out that were not counted"


def forced(dialect: Dialect) -> Callable[[bytes], None]:
    """The same of one reader, whatever looking at the data would have made of it."""

    def run(data: bytes) -> None:
        tally = Tally()
        rows = sum(len(part.rows) for block in read([data], dialect, tally) for part in block.parts)
        assert tally.reconciled, "lines are missing"
        assert rows <= tally.rows, "rows came out that were not counted"

    return run


def both(one: Callable[[bytes], None], other: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Two laws on the same bytes."""

    def run(data: bytes) -> None:
        one(data)
        other(data)

    return run


def seeds(*ends: str) -> tuple[bytes, ...]:
    """The files of the corpus with these names' ends that a fuzzer can hold."""
    return tuple(file.raw for file in corpus.files() if file.name.endswith(ends) and len(file.raw) < 30_000)


_CSV = Dialect(
    encoding="gb18030", delimiter=",", width=3, columns=recognise([["x", "13812345678", "a@b.cn"]], 3)
)


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


TARGETS = {
    "blob": Target(blob, tuple(BLOBS)),
    "stream": Target(stream, tuple(STREAMS)),
    "wrapped": Target(wrapped, tuple(WRAPPED)),
    "delimited": Target(both(dump, forced(_CSV)), seeds(".csv", ".tsv")),
    "sql": Target(
        both(forced(Dialect(shape=Shape.SQL, encoding="utf-8", flavour="escapes")), dump), seeds(".sql")
    ),
    "json": Target(
        both(forced(Dialect(shape=Shape.JSON, encoding="utf-8", flavour="shell")), dump), seeds(".json")
    ),
    "lists": Target(
        both(
            forced(Dialect(shape=Shape.COMBO, encoding="utf-8")),
            forced(Dialect(shape=Shape.TEXT, encoding="utf-8")),
        ),
        seeds(".txt", ".log", ".html", ".md"),
    ),
    "containers": Target(dump, seeds(".zip", ".gz", ".7z", ".xlsx")),
    "names": Target(names, (b"gr_aaaaaaaaaaaaaaaaaaaaaaaaaa", b"cut_" + b"A" * 51)),
}
