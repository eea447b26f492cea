"""Tags of whole columns of canonical forms at once, the same to the bit as one by one (`making`).

The key is an argument of the library's own function: it stands in no plan, no query and no log.
"""

import polars as pl
from polars_hash import col as hashed

from vault.tags.making import IndexKeys
from vault.tags.registry import kind


def forms_of(texts: bytes) -> pl.DataFrame:
    """Canonical forms, one a line in UTF-8, as a column `form`; null where a line is empty."""
    return pl.read_csv(
        texts, has_header=False, separator="\x1e", quote_char=None, infer_schema=False, new_columns=["form"],
    )  # fmt: skip


def tags_of(keys: IndexKeys, field: str, forms: pl.DataFrame) -> pl.Series:
    """The exact tag of each form of a field as an unsigned number (UInt64), null where there is none."""
    return forms.select(tag=tag_under(keys.index_key(kind(field)).decode("ascii")))["tag"]


def tag_under(key: str) -> pl.Expr:
    """The tag of column `form` under a key."""
    digest = hashed("form").chash.hmac_sha256(key=key)
    first = digest.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64)
    return pl.when(pl.col("form").is_not_null()).then(first)
