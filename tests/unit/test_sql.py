"""The SQL store's parts that need no database."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import exc

from schemas.errors import SettingsError, TextmillError, UnavailableError, UsageError
from workers.core.lookup import parse_model, parse_since
from workers.sql.engine import open_engine
from workers.sql.errors import RepeatedError, StoreError, UnstorableError, translate, translated
from workers.sql.transaction import reading, retried

NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)
SECRET = "the text of a job"


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("2h", NOW - timedelta(hours=2)),
        (" 3d ", NOW - timedelta(days=3)),
        ("1w", NOW - timedelta(weeks=1)),
        ("0s", NOW),
        ("2025-06-29", datetime(2025, 6, 29, tzinfo=UTC)),
        ("2025-06-29T10:00:00Z", datetime(2025, 6, 29, 10, tzinfo=UTC)),
        ("2025-06-29T10:00:00+08:00", datetime(2025, 6, 29, 2, tzinfo=UTC)),
        ("2025-06-29 10:00", datetime(2025, 6, 29, 10, tzinfo=UTC)),
    ],
)
def test_moments(words: str, moment: datetime) -> None:
    assert parse_since(words, NOW) == moment


@pytest.mark.parametrize(
    "words", ["", "h", "2", "2 hours", "-2h", "999999999w", "yesterday", "2025-13-01", "٣h"]
)
def test_what_is_no_moment(words: str) -> None:
    with pytest.raises(UsageError, match="is no moment: write `90s`"):
        parse_since(words, NOW)


def test_models() -> None:
    assert parse_model("topic-zh") == ("topic-zh", None)
    assert parse_model("topic-zh@12") == ("topic-zh", 12)
    for wrong in ("", "@3", "m@", "m@0", "m@x", "m@1@2"):
        with pytest.raises(UsageError, match="is no model"):
            parse_model(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:pw-secret@h/d",
        "postgresql+asyncpg://u:pw-secret@h/d",
        "nonsense",
        "sqlite://",
        "",
    ],
)
def test_other_databases_are_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match=r"Use `postgresql\+psycopg://") as caught:
        open_engine(url)

    assert "pw-secret" not in str(caught.value)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="directory cannot be made"):
        open_engine(f"sqlite:///{tmp_path}/file/store.sqlite3")


def test_a_server_that_is_not_there() -> None:
    engine = open_engine("postgresql://u:pw-secret@127.0.0.1:1/d")

    with pytest.raises(UnavailableError, match="does not answer") as caught, reading(engine):
        pass

    assert "pw-secret" not in str(caught.value)
    engine.dispose()


def postgresql(state: str | None, kind: type[psycopg.Error] = psycopg.Error) -> Exception:
    """An error as SQLAlchemy raises it."""
    original = kind(SECRET)
    original.sqlstate = state
    return exc.DBAPIError.instance(
        "INSERT", {"text": SECRET}, original, psycopg.Error, hide_parameters=True
    )


def sqlite(name: str) -> Exception:
    """An error as SQLAlchemy raises it."""
    original = sqlite3.OperationalError(SECRET)
    original.sqlite_errorname = name
    return exc.OperationalError("INSERT", {"text": SECRET}, original)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((postgresql(s), UnavailableError) for s in ("25006", "40001", "40P01", "55P03", "57014")),
        *((postgresql(state), UnavailableError) for state in ("08006", "53100", "53300")),
        *((postgresql(state), UnstorableError) for state in ("22P05", "23502", "23514", "54000")),
        (postgresql("23505"), RepeatedError),
        *((postgresql(state), StoreError) for state in ("42P01", "23503", "XX000")),
        (postgresql(None, psycopg.DataError), UnstorableError),
        *((sqlite(f"SQLITE_{n}"), UnavailableError) for n in ("BUSY", "FULL", "IOERR_WRITE")),
        *((sqlite(f"SQLITE_{n}"), UnstorableError) for n in ("CONSTRAINT_CHECK", "TOOBIG")),
        *((sqlite(f"SQLITE_{n}"), StoreError) for n in ("CONSTRAINT_FOREIGNKEY", "ERROR")),
        (UnicodeEncodeError("utf-8", SECRET, 0, 1, "surrogates"), UnstorableError),
        (OverflowError(SECRET), UnstorableError),
        (exc.TimeoutError(SECRET), UnavailableError),
        (exc.InvalidRequestError(SECRET), StoreError),
    ],
)
def test_errors_have_three_kinds_and_keep_the_data_to_themselves(
    error: Exception, kind: type[TextmillError]
) -> None:
    found = translate(error)

    assert type(found) is kind
    assert SECRET not in str(found)


def test_a_lost_connection_may_come_back() -> None:
    found = translate(postgresql(None, psycopg.OperationalError))

    assert found.retryable


def test_translation_hides_the_cause() -> None:
    with pytest.raises(StoreError) as caught, translated():
        raise postgresql("42601")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def test_trying_again_until_it_works() -> None:
    clock, failures = Clock(), [UnavailableError("a"), UnavailableError("b")]

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert retried(attempt, clock=clock.read, sleep=clock.sleep, jitter=lambda: 0.5) == "done"
    assert clock.sleeps == [0.02, 0.04]


def test_giving_up_after_the_budget() -> None:
    clock = Clock()

    def attempt() -> None:
        raise UnavailableError("still")

    with pytest.raises(UnavailableError, match="still"):
        retried(attempt, budget_s=10, clock=clock.read, sleep=clock.sleep, jitter=lambda: 0.0)
    assert 9 < clock.now <= 10
    assert max(clock.sleeps) == 0.5


def test_other_errors_are_not_tried_again() -> None:
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise StoreError("bug")

    with pytest.raises(StoreError):
        retried(attempt)
    assert calls == [1]
