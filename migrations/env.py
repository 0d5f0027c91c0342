"""What Alembic runs: on the connection that `workers.sql.upgrade` gives it, or, from Alembic's own
command line (`alembic revision --autogenerate`), on the database of the settings.
"""

from alembic import context
from sqlalchemy import Connection

from schemas import settings
from schemas.tables import UNDECLARED_INDEXES, UNDECLARED_KEYS, metadata
from workers.sql.engine import open_engine
from workers.sql.transaction import writing


def run(connection: Connection) -> None:
    """Run the command on a connection that is in a transaction; the caller commits."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        include_name=lambda name, *_: name not in UNDECLARED_INDEXES | UNDECLARED_KEYS,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    store = open_engine(settings.load().database_url)
    with writing(store) as opened:
        run(opened)
    store.dispose()
