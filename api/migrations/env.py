"""Run by Alembic for either line of revisions, on the connection the caller opened."""

from alembic import context

from api.migrations.schema import METADATA

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=METADATA[config.attributes["line"]],
    transactional_ddl=False,  # the caller's unit of work is the transaction
    render_as_batch=True,
)
context.run_migrations()
