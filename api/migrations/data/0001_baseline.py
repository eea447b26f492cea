"""The schema of the data data base as first built."""

from api.migrations import baseline

revision = "0001"
down_revision = None


def upgrade() -> None:
    baseline.apply("data")


def downgrade() -> None:
    baseline.discard("data")
