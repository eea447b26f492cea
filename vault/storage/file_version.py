"""Which layout a SQLite file of a program of its own has: a number in the file's header (`PRAGMA user_version`).

The main data bases have migrations. A monitor's and a witness's are made once and never changed, so a program that
finds a number it does not know must not touch the file: 0 is that of a file nobody numbered.
"""

from typing import ClassVar

from sqlalchemy import Connection

from vault.errors import VaultError


class OtherLayout(VaultError):
    """The file was written by a program of another version."""

    code: ClassVar[str] = "other_layout"


def number(conn: Connection, version: int) -> None:
    """Say in a new file which layout it has."""
    conn.exec_driver_sql(f"PRAGMA user_version = {version:d}")


def require(conn: Connection, version: int) -> None:
    """Raise OtherLayout unless the file has this layout."""
    found = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found != version:
        raise OtherLayout(f"layout {found}, where this program knows {version}")
