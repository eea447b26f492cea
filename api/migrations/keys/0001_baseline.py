"""The schema of the keys data base as first built."""

from api.migrations import baseline

revision = "0001"
down_revision = None


def upgrade() -> None:
    baseline.apply("keys")


def downgrade() -> None:
    baseline.discard("keys")
