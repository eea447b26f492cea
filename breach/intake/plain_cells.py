"""Cells of one column read all at once: what each is, and its canonical form, exactly as one by one.

A pattern is used only where it is certain what the functions that read single cells (`columns.kind_of`, the
fields of the vault) would say; each is a part of what they accept. Whatever no pattern covers is read by those
functions, once for each distinct text. Rust's patterns know no look-around and never go back, so no cell can
make them slow.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Final

import polars as pl

from breach.intake.columns import IDENTIFIERS, LOOKED_UP, STARS, Kind, identifier, kind_of
from breach.intake.mentions import mentioned
from vault.fields import FIELDS, InvalidValue
from vault.fields.resident_id import REGIONS, WEIGHTS

NOTHING: Final = 0
"""A blank cell, or one of a mixed column that is no value of any kind."""

UNREADABLE: Final = 1
"""A cell of an identifier column that is no value of any kind."""

APART: Final = 2
"""A masked value, a digest, or a text that mentions somebody: its row has to be looked at by itself."""

VERDICTS: Final = {kind: number for number, kind in enumerate(Kind, APART + 1)}
"""The verdict on a cell that is of a kind."""

_MOBILE = r"^1[3-9][0-9]{9}$"
_RESPELT_MOBILE = r"^'?\(?(?:\+?86|0086)?(1[3-9][0-9]{9})(?:\.0)?$"
_STRIPPED_MOBILE = r"^'?(?:\+?86|0086)?(1[3-9][0-9]{9})$"
_EMAIL = r"^[a-z0-9._%+-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$"
_SHORT: Final = 64
"""Bytes of an address within which no part of it can be too long."""

_RESIDENT_ID = (
    rf"^(?:{'|'.join(sorted(REGIONS))})[0-9]{{4}}(?:19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])"
    r"(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]$"
)
_CARD = r"^[0-9]{12,19}$"
_SURE_CARD = r"^[3-6](?:[0-9]{15}|[0-9]{18})$"

type Form = Callable[[pl.Expr], pl.Expr]


def _phone(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(_MOBILE)).then(cell)


def _email(cell: pl.Expr) -> pl.Expr:
    plain = cell.str.contains(_EMAIL) & (cell.str.len_bytes() <= _SHORT)
    return pl.when(plain & ~cell.str.contains("xn--", literal=True)).then(cell)


def _resident_id(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(_RESIDENT_ID)).then(_checked(cell))


def _checked(cell: pl.Expr) -> pl.Expr:
    """Numbers whose day there was and whose check character is theirs (ISO 7064: all of it leaves 1)."""
    digits = cell.str.slice(0, 17).cast(pl.Int64, strict=False)
    last = cell.str.slice(17, 1)
    check = pl.when(last == "X").then(10).otherwise(last.cast(pl.Int64, strict=False))
    total = _sum(digits // 10 ** (16 - at) % 10 * weight for at, weight in enumerate(WEIGHTS))
    born = cell.str.slice(6, 8).str.to_date("%Y%m%d", strict=False).is_not_null()
    return pl.when(born & ((total + check) % 11 == 1)).then(cell)


def _bank_card(cell: pl.Expr) -> pl.Expr:
    return pl.when(cell.str.contains(_CARD)).then(cell)


def _sure_card(cell: pl.Expr) -> pl.Expr:
    """Cards in a column of many kinds: with a check digit, and of lengths that no other kind has."""
    digits = cell.cast(pl.Int64, strict=False)
    single = _sum(digits // 10**at % 10 for at in range(0, 19, 2))
    double = [digits // 10**at % 10 * 2 for at in range(1, 19, 2)]
    passes = (single + _sum(twice - pl.when(twice > 9).then(9).otherwise(0) for twice in double)) % 10 == 0
    return pl.when(cell.str.contains(_SURE_CARD) & passes).then(cell)


def _sum(terms: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(pl.Expr.__add__, terms)


def _respelt_phone(cell: pl.Expr) -> pl.Expr:
    bare = cell.str.strip_chars(" ").str.strip_prefix("'").str.replace_all(r"[ ()./_-]", "")
    return pl.coalesce(cell.str.extract(_RESPELT_MOBILE), bare.str.extract(_STRIPPED_MOBILE))


def _respelt_email(cell: pl.Expr) -> pl.Expr:
    return _email(cell.str.strip_chars(" ").str.to_lowercase())


def _respelt_card(cell: pl.Expr) -> pl.Expr:
    bare = cell.str.strip_chars(" ").str.strip_prefix("'").str.replace_all(r"[ .-]", "")
    return _bank_card(bare)


_PLAIN: Final[dict[Kind, Form]] = {
    Kind.PHONE: _phone,
    Kind.EMAIL: _email,
    Kind.RESIDENT_ID: _resident_id,
    Kind.BANK_CARD: _bank_card,
}
_RESPELT: Final[dict[Kind, Form]] = {
    Kind.PHONE: _respelt_phone,
    Kind.EMAIL: _respelt_email,
    Kind.BANK_CARD: _respelt_card,
}
_MIXED: Final[tuple[tuple[Kind, Form], ...]] = (
    (Kind.PHONE, _phone),
    (Kind.EMAIL, _email),
    (Kind.RESIDENT_ID, _resident_id),
    (Kind.BANK_CARD, _sure_card),
)


def read(cells: pl.Series, kinds: tuple[Kind, ...]) -> pl.DataFrame:
    """For each cell of a column of these kinds `verdict` (see above) and, for identifiers, `value`, its canonical form."""
    return _read(cells.alias("cell"), kinds, _attempts(kinds))


def _attempts(kinds: tuple[Kind, ...]) -> Sequence[tuple[Kind, Form]]:
    if len(kinds) != 1:
        return _MIXED
    return [(kinds[0], forms[kinds[0]]) for forms in (_PLAIN, _RESPELT) if kinds[0] in forms]


def _read(cells: pl.Series, kinds: tuple[Kind, ...], attempts: Sequence[tuple[Kind, Form]]) -> pl.DataFrame:
    """The cells by the first attempt; those it leaves open, mostly few, by the others."""
    if not attempts:
        return _by_text(cells, kinds)
    (kind, form), *others = attempts
    cell, value = pl.col("cell"), pl.col("value")
    frame = cells.to_frame().select("cell", value=form(cell)).select(
        "value",
        verdict=pl.when(value.is_not_null()).then(pl.lit(VERDICTS[kind], pl.UInt8)).otherwise(pl.lit(NOTHING, pl.UInt8)),
        left=value.is_null() & (cell != ""),
    )  # fmt: skip
    numbers = frame["left"].arg_true()
    if not len(numbers):
        return frame.drop("left")
    more = _read(cells.gather(numbers), kinds, others)
    place = pl.int_range(len(cells), dtype=pl.UInt32, eager=True)
    place = place.scatter(
        numbers, pl.int_range(len(cells), len(cells) + len(more), dtype=pl.UInt32, eager=True)
    )
    return pl.concat([frame.drop("left"), more], rechunk=True)[place]


def _by_text(cells: pl.Series, kinds: tuple[Kind, ...]) -> pl.DataFrame:
    """What no pattern has covered, read text by text."""
    texts = cells.unique()
    readings = [_reading(text, kinds) for text in texts]
    known = pl.DataFrame(
        {"cell": texts, "value": [one[0] for one in readings], "verdict": [one[1] for one in readings]},
        schema={"cell": pl.String, "value": pl.String, "verdict": pl.UInt8},
    )
    return cells.to_frame().join(known, on="cell", how="left", maintain_order="left").drop("cell")


def _reading(text: str, kinds: tuple[Kind, ...]) -> tuple[str | None, int]:
    """The value of one cell, if it is an identifier, and the verdict; the same as matching it by itself."""
    if len(kinds) == 1:
        value = canonical(kinds[0], text)
        if value is not None:
            return value, VERDICTS[kinds[0]]
        if not text or text.isspace():
            return None, NOTHING
    kind = kind_of(text)
    if kind in IDENTIFIERS:
        return identifier(kind, text), VERDICTS[kind]
    if kind in LOOKED_UP or mentioned(text):
        return None, APART
    if kind is None:
        return None, UNREADABLE if len(kinds) == 1 else NOTHING
    return None, VERDICTS[kind]


def canonical(kind: Kind, text: str) -> str | None:
    """The canonical form of a cell in a column of one kind; None where it has to be asked what it is."""
    if kind is Kind.EMAIL and STARS.search(text):
        return None
    try:
        return FIELDS[kind].canonical(text)
    except InvalidValue:
        return None
