"""What the columns of all tables are made of."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine


def utc_text(moment: datetime) -> str:
    """A moment as SQLite keeps it: ISO 8601, UTC, of one length, so that text order is time order.

    The blank between date and time makes it comparable with SQL's `CURRENT_TIMESTAMP`.
    """
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. `timestamptz` on PostgreSQL, text on SQLite; always aware and UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database has no type for it."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuses a naive datetime: nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the store")
        return utc_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """An aware datetime in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


Words = ARRAY(Text).with_variant(JSON(), "sqlite")
Document = JSON().with_variant(JSONB(), "postgresql")
Serial = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers only INTEGER keys itself

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def version_column(name: str, *, nullable: bool = False, key: bool = False) -> Column[Any]:
    """A column that refers to a model version."""
    reference = ForeignKey("model_version.id")
    if key:
        return Column(name, reference, primary_key=True, autoincrement=False)
    return Column(name, reference, nullable=nullable)


def partial_index(name: str, *columns: Column[Any], where: str, **options: Any) -> Index:
    """An index of the rows that the condition takes, on both databases."""
    condition = text(where)
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition, **options)
