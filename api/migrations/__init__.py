"""Schema changes of the two data bases: applied by `perusal init` and `perusal doctor --migrate`, never by the server.

Each data base has its own line of revisions (`data/`, `keys/`) and its own version table. There is no ini
file: the configuration is built here, and the caller's connection is the one that is used.
"""

from importlib.resources import files
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from vault.storage.database import Database

type Line = Literal["data", "keys"]


def upgrade(database: Database, line: Line, revision: str = "head") -> None:
    """Bring `database` to `revision` in one transaction."""
    with database.write() as conn:
        command.upgrade(_config(line, conn), revision)


def downgrade(database: Database, line: Line, revision: str) -> None:
    """Take `database` back to `revision` ("base" empties it): for tests and for undoing a failed change."""
    with database.write() as conn:
        command.downgrade(_config(line, conn), revision)


def is_current(database: Database, line: Line) -> bool:
    """Whether every known revision has been applied."""
    wanted = set(ScriptDirectory.from_config(_config(line, None)).get_heads())
    with database.read() as conn:
        return set(MigrationContext.configure(conn).get_current_heads()) == wanted


def _config(line: Line, conn: Connection | None) -> Config:
    config = Config()
    here = str(files("api.migrations"))
    config.set_main_option("script_location", here.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{here}/{line}".replace("%", "%%"))
    config.attributes["connection"] = conn
    config.attributes["line"] = line
    return config
