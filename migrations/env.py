"""What Alembic runs around the versions: on the connection it was given, in its transaction."""

from alembic import context
from sqlalchemy import Connection

from migrations.schema import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
