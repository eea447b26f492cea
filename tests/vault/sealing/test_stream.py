"""Sealed files: whole or not at all."""

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.sealing.sealed import Unopenable
from vault.sealing.stream import CHUNK, SealedBytes, SealingWriter, open_stream

KEY = bytes(range(32))
SEALED = CHUNK + 16
SIZES = (0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5)


def sealed(data: bytes, *, step: int = 10_000, key: bytes = KEY) -> bytes:
    file = io.BytesIO()
    with SealingWriter(file, key) as writer:
        for start in range(0, len(data), step):
            writer.write(data[start : start + step])
    return file.getvalue()


def opened(raw: bytes, key: bytes = KEY) -> bytes:
    return b"".join(open_stream(io.BytesIO(raw), key))


def text(size: int) -> bytes:
    return bytes(i * 31 % 251 for i in range(1_000)) * (size // 1_000 + 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1_000_000, 65_536, 7_777])
def test_a_stream_of_any_length_written_in_any_pieces_opens_to_itself(size, step):
    data = text(size)[:size]
    assert opened(sealed(data, step=step)) == data


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=5_000), max_size=60))
def test_random_pieces_open_to_their_concatenation(pieces):
    file = io.BytesIO()
    with SealingWriter(file, KEY) as writer:
        for piece in pieces:
            assert writer.write(piece) == len(piece)
    assert opened(file.getvalue()) == b"".join(pieces)


@pytest.mark.parametrize("size", SIZES)
def test_the_sealed_length_is_the_header_and_one_tag_per_chunk(size):
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed(text(size)[:size])) == 65 + size + 16 * chunks


@pytest.mark.parametrize(
    "cut", [0, 1, 64, 65, 66, 80, 65 + SEALED, 65 + SEALED - 1, 65 + 2 * SEALED, -1, -16]
)
def test_a_stream_cut_anywhere_does_not_open_to_its_end(cut):
    raw = sealed(text(3 * CHUNK)[: 2 * CHUNK + 77])
    with pytest.raises(Unopenable):
        opened(raw[:cut])


@pytest.mark.parametrize("at", [0, 1, 32, 33, 64, 65, 70_000, -1])
def test_one_changed_byte_anywhere_is_refused(at):
    raw = bytearray(sealed(text(2 * CHUNK)))
    raw[at] ^= 1
    with pytest.raises(Unopenable):
        opened(bytes(raw))


def test_chunks_in_another_order_are_refused():
    raw = sealed(text(3 * CHUNK)[: 3 * CHUNK])
    head, one, two, three = raw[:65], raw[65 : 65 + SEALED], raw[65 + SEALED : 65 + 2 * SEALED], raw[-SEALED:]
    with pytest.raises(Unopenable):
        opened(head + two + one + three)


def test_a_doubled_chunk_is_refused():
    raw = sealed(text(2 * CHUNK)[: 2 * CHUNK])
    with pytest.raises(Unopenable):
        opened(raw[: 65 + SEALED] + raw[65:])


@pytest.mark.parametrize("extra", [b"\0", b"\0" * 16, b"\0" * SEALED])
@pytest.mark.parametrize("size", [0, 10, CHUNK])
def test_a_stream_with_something_behind_its_end_is_refused(size, extra):
    with pytest.raises(Unopenable):
        opened(sealed(text(size)[:size]) + extra)


def test_an_empty_chunk_behind_a_full_last_one_is_refused():
    """The last chunk is empty in an empty file only: otherwise one content would have two forms."""
    from vault.sealing.stream import _derive, _nonce

    raw = sealed(text(CHUNK)[:CHUNK])
    cipher, _ = _derive(KEY, raw[1:33])
    first = cipher.encrypt(_nonce(0, last=False), text(CHUNK)[:CHUNK], None)
    empty = cipher.encrypt(_nonce(1, last=True), b"", None)
    with pytest.raises(Unopenable):
        opened(raw[:65] + first + empty)


def test_another_key_opens_nothing():
    with pytest.raises(Unopenable):
        opened(sealed(b"rows"), key=bytes(32))


def test_two_streams_of_the_same_content_share_nothing():
    assert sealed(b"rows" * 100)[65:] != sealed(b"rows" * 100)[65:]


def test_a_writer_left_by_an_exception_leaves_an_unopenable_file():
    file = io.BytesIO()
    with contextlib.suppress(ConnectionError), SealingWriter(file, KEY) as writer:
        writer.write(b"half of it")
        raise ConnectionError
    with pytest.raises(Unopenable):
        opened(file.getvalue())


def test_nothing_can_be_written_after_the_end():
    file = io.BytesIO()
    with SealingWriter(file, KEY) as writer:
        writer.write(b"all of it")
    size = len(file.getvalue())
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    assert len(file.getvalue()) == size


def test_plaintext_never_reaches_the_file():
    marker = b"13812345678"
    assert marker not in sealed(marker * 20_000)


def test_chunks_come_out_one_by_one_so_memory_stays_small():
    raw = sealed(text(5 * CHUNK)[: 5 * CHUNK])
    file = io.BytesIO(raw)
    chunks = open_stream(file, KEY)
    assert len(next(chunks)) == CHUNK
    assert file.tell() <= 65 + 2 * SEALED


def test_a_file_that_hands_out_short_pieces_opens_all_the_same():
    class Trickle(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1_000) if size > 65 else size)

    data = text(CHUNK + 9)[: CHUNK + 9]
    assert b"".join(open_stream(Trickle(sealed(data)), KEY)) == data


@pytest.mark.parametrize(("key", "salt"), [(b"short", bytes(32)), (KEY, b"short")])
def test_keys_and_salts_of_the_wrong_length_are_refused(key, salt):
    with pytest.raises(ValueError, match="32 bytes"):
        SealingWriter(io.BytesIO(), key, salt=salt)


class _FullDisk(io.BytesIO):
    """Takes the header, then fails once, leaving the first `kept` bytes of what it was to write."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.kept = kept
        self.failed = False

    def write(self, data):
        if not self.failed and self.tell() >= 65:
            self.failed = True
            super().write(data[: self.kept])
            raise OSError(28, "no space left")
        return super().write(data)


@pytest.mark.parametrize("kept", [0, 100])
def test_a_writer_whose_file_failed_seals_nothing_more_so_no_nonce_is_used_twice(kept):
    file = _FullDisk(kept)
    writer = SealingWriter(file, KEY)
    with pytest.raises(OSError, match="no space"):
        writer.write(text(2 * CHUNK))
    size = len(file.getvalue())

    with pytest.raises(ValueError, match="closed"):
        writer.write(b"other content")
    writer.close()

    assert len(file.getvalue()) == size
    with pytest.raises(Unopenable):
        opened(file.getvalue())


def test_a_failed_end_is_not_sealed_again():
    file = _FullDisk(3)
    writer = SealingWriter(file, KEY)
    writer.write(b"all of it")
    with pytest.raises(OSError, match="no space"):
        writer.close()

    writer.close()

    with pytest.raises(Unopenable):
        opened(file.getvalue())


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_is_read_at_any_place(size):
    data = text(size)[:size]
    found = SealedBytes(io.BytesIO(sealed(data)), KEY)

    assert found.size == size
    for offset in {0, 1, size // 2, CHUNK - 1, CHUNK, max(size - 1, 0), size, size + 9}:
        for length in (0, 1, CHUNK, CHUNK + 1, 3 * CHUNK):
            assert found.read(offset, length) == data[offset : offset + length]


@pytest.mark.parametrize("cut", [1, 16, SEALED, SEALED + 5])
def test_a_stream_without_its_end_is_not_read_anywhere(cut):
    raw = sealed(text(3 * CHUNK)[: 2 * CHUNK + 9])

    with pytest.raises(Unopenable):
        SealedBytes(io.BytesIO(raw[:-cut]), KEY)


def test_a_damaged_chunk_is_not_read_and_the_others_are():
    data = text(3 * CHUNK)[: 3 * CHUNK]
    raw = bytearray(sealed(data))
    raw[65 + SEALED + 7] ^= 1
    found = SealedBytes(io.BytesIO(bytes(raw)), KEY)

    assert found.read(0, CHUNK) == data[:CHUNK]
    assert found.read(2 * CHUNK, CHUNK) == data[2 * CHUNK :]
    with pytest.raises(Unopenable):
        found.read(CHUNK, 1)
