"""What is fuzzed: every parser of stored or foreign bytes in the vault, with the law it must keep whatever comes in.

A target takes bytes and raises only when the law is broken; refusals of the parser's own kind are swallowed.
`seeds` are genuine inputs, from which the fuzzer starts.
"""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vault.errors import MalformedId
from vault.ids import RecordId, SubjectId, TenantId, decode_id, encode_id, secret_bucket
from vault.sealed import Place, Suite, Unopenable, blob_epoch, open_sealed, seal
from vault.stream import SealingWriter, open_stream
from vault.wrapping import context, unwrap, wrap

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


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


TARGETS = {
    "blob": Target(blob, tuple(BLOBS)),
    "stream": Target(stream, tuple(STREAMS)),
    "wrapped": Target(wrapped, tuple(WRAPPED)),
    "names": Target(names, (b"gr_aaaaaaaaaaaaaaaaaaaaaaaaaa", b"cut_" + b"A" * 51)),
}
