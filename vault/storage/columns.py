"""The kinds of column that tables are made of, and what text may be one of; a column that may be empty is written out."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, Text


def bucket() -> Column[int]:
    """What the primary key of every table about people starts with."""
    return Column("bucket", Integer, primary_key=True, autoincrement=False)


def key(name: str = "id") -> Column[bytes]:
    """A part of the primary key: an id, a digest or a MAC."""
    return Column(name, LargeBinary, primary_key=True)


def text_key(name: str) -> Column[str]:
    """A part of the primary key in plain text: a code or a public name."""
    return Column(name, Text, primary_key=True)


def number_key(name: str) -> Column[int]:
    """A part of the primary key: a number that is given, not drawn."""
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def raw(name: str) -> Column[bytes]:
    """Bytes."""
    return Column(name, LargeBinary, nullable=False)


def text(name: str) -> Column[str]:
    """Text, a JSON document among others."""
    return Column(name, Text, nullable=False)


def number(name: str) -> Column[int]:
    """A number of 32 bits."""
    return Column(name, Integer, nullable=False)


def big(name: str) -> Column[int]:
    """A number of 64 bits."""
    return Column(name, BigInteger, nullable=False)


def time(name: str) -> Column[int]:
    """Unix milliseconds."""
    return Column(name, BigInteger, nullable=False)


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """That a text column holds one of these words."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
