"""JSON documents that a command is handed as a file."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.cli.failures import Exit, Failure


def read_document[T](file: Path, kind: type[T]) -> T:
    """The document in a file, or from standard input for "-"; raises Failure for one of another shape."""
    with click.open_file(str(file), "rb") as document:
        try:
            return msgspec.json.decode(document.read(), type=kind)
        except (msgspec.MsgspecError, RecursionError):
            raise Failure(
                "the file is not such a JSON document", code="bad_file", exit_code=Exit.USAGE
            ) from None
