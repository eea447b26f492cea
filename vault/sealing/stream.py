"""Sealed files: long streams encrypted chunk by chunk, so that plaintext never touches the disk.

| offset | length | meaning                                             |
|--------|--------|-----------------------------------------------------|
| 0      | 1      | version, 1                                          |
| 1      | 32     | salt                                                |
| 33     | 32     | key commitment                                      |
| 65     | ...    | chunks: 65,536 bytes of plaintext each, then 16 tag |

HMAC-SHA-512(key, "pv1/stream" ‖ salt) gives the file key and the commitment. Chunk nonce: seven zero bytes (the
file key is used once) ‖ counter u32 ‖ 1 for the last chunk, else 0. Only the last chunk may be short, and it is
empty only in an empty file, so a cut, reordered, doubled or extended stream is `Unopenable`.
"""

import hmac
import os
import secrets
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.sealing.sealed import KEY_BYTES, Unopenable

VERSION = 1
CHUNK = 65_536
SALT_BYTES = 32
_HEADER_BYTES = 65
_SEALED_CHUNK = CHUNK + 16
_MAX_CHUNKS = 1 << 32


class SealingWriter:
    """Seals everything written into `file`; used as a context manager.

    `close` writes the last chunk. Leaving the block by an exception does not: what was written so far
    stays unopenable, as a file cut short must be. Nor can a writer whose `file` failed be used again, so
    that no nonce is ever used for two chunks. `file` itself stays the caller's to close.
    """

    def __init__(self, file: BinaryIO, key: bytes, *, salt: bytes | None = None) -> None:
        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        self._file = file
        self._cipher, commitment = _derive(key, salt)
        self._held = bytearray()
        self._counter = 0
        self._closed = False
        file.write(bytes((VERSION,)) + salt + commitment)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take `data`; returns its length in bytes."""
        if self._closed:
            raise ValueError("the sealed stream is closed")
        self._held += data
        # The newest chunk waits even when full: only `close` knows which one is the last.
        if len(self._held) > CHUNK:
            self._flush()
        return len(data)

    def close(self) -> None:
        """Seal the last chunk; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._seal(bytes(self._held), last=True)
            self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._closed = True

    def _flush(self) -> None:
        ready = (len(self._held) - 1) // CHUNK * CHUNK
        for start in range(0, ready, CHUNK):
            self._seal(bytes(self._held[start : start + CHUNK]), last=False)
        del self._held[:ready]

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._counter, last=last), chunk, None)
        # Counted first and closed until it is written: whoever tries again must not meet the same nonce.
        self._counter += 1
        self._closed = True
        self._file.write(sealed)
        self._closed = last


class SealedBytes:
    """A sealed stream that is read at any place; every chunk is authenticated when it is read, the last one at once.

    `size`: bytes of plaintext. Not thread-safe. Raises Unopenable like `open_stream`, on opening or on reading.
    """

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        self._cipher = _opening(file, key)
        sealed = file.seek(0, os.SEEK_END) - _HEADER_BYTES
        self._last = max(-(-sealed // _SEALED_CHUNK) - 1, 0)
        self._kept = (-1, b"")
        end = self._chunk(self._last)
        if self._last and not end:
            raise Unopenable("this stream does not open")
        self.size = self._last * CHUNK + len(end)

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only at the end."""
        stop = min(offset + length, self.size)
        if offset >= stop:
            return b""
        first = offset // CHUNK
        chunks = [self._chunk(at) for at in range(first, (stop - 1) // CHUNK + 1)]
        return b"".join(chunks)[offset - first * CHUNK : stop - first * CHUNK]

    def _chunk(self, at: int) -> bytes:
        if self._kept[0] != at:
            self._file.seek(_HEADER_BYTES + at * _SEALED_CHUNK)
            self._kept = (at, _open_chunk(self._cipher, at, _read(self._file), last=at == self._last))
        return self._kept[1]


def open_stream(file: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The plaintext chunks of a sealed stream, each authenticated before it is yielded.

    Raises Unopenable at the first chunk that is not what was sealed; what came before is genuine, but
    only a stream that ends without an error is complete.
    """
    return _chunks(file, _opening(file, key))


def _opening(file: BinaryIO, key: bytes) -> AESGCM:
    header = file.read(_HEADER_BYTES)
    if len(header) != _HEADER_BYTES or header[0] != VERSION:
        raise Unopenable("this stream does not open")
    cipher, commitment = _derive(key, header[1:33])
    if not hmac.compare_digest(commitment, header[33:]):
        raise Unopenable("this stream does not open")
    return cipher


def _chunks(file: BinaryIO, cipher: AESGCM) -> Iterator[bytes]:
    counter = 0
    sealed = _read(file)
    while True:
        following = _read(file) if len(sealed) == _SEALED_CHUNK else b""
        last = not following
        chunk = _open_chunk(cipher, counter, sealed, last=last)
        if chunk:
            yield chunk
        elif counter:
            raise Unopenable("this stream does not open")
        if last:
            return
        sealed, counter = following, counter + 1


def _open_chunk(cipher: AESGCM, counter: int, sealed: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(counter, last=last), sealed, None)
    except InvalidTag:
        raise Unopenable("this stream does not open") from None


def _read(file: BinaryIO) -> bytes:
    """One sealed chunk, whatever pieces the file hands out."""
    parts = []
    wanted = _SEALED_CHUNK
    while wanted and (part := file.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _derive(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    if len(key) != KEY_BYTES or len(salt) != SALT_BYTES:
        raise ValueError("a stream key has 32 bytes, a salt 32")
    derived = hmac.digest(key, b"pv1/stream" + salt, "sha512")
    return AESGCM(derived[:32]), derived[32:]


def _nonce(counter: int, *, last: bool) -> bytes:
    if counter >= _MAX_CHUNKS:
        raise ValueError("a sealed stream holds at most 2^32 chunks")
    return bytes(7) + counter.to_bytes(4) + bytes((last,))
