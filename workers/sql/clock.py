"""The one clock by which workers and deployments are dated: the database's.

Machines disagree by seconds, and a silent worker must not be one whose clock is slow.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, text


def now(connection: Connection) -> datetime:
    """The time; SQLite has none better than this machine's, where all of its users are."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)
