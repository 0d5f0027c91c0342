"""The store, empty but for its schema, once on each database."""

from collections.abc import Iterator

import pytest

from tests.contracts.store_world import World
from workers.sql.engine import open_engine
from workers.sql.upgrade import upgrade


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    """The ports over a fresh schema."""
    upgrade(store_url)
    engine = open_engine(store_url)
    yield World(engine)
    engine.dispose()


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[World]:
    """The ports over a server."""
    upgrade(postgres_url)
    engine = open_engine(postgres_url)
    yield World(engine)
    engine.dispose()
