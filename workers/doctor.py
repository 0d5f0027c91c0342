"""Checking what an installation needs, and saying how to get what is missing.

Each check is a function that returns what it found or raises a `TextmillError` whose message is
the remedy. None of them changes anything.
"""

import shutil
import sys
from collections.abc import Callable, Iterator

import msgspec

from schemas.errors import TextmillError, UsageError
from schemas.settings import Settings, masked_url


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    subject: str
    ok: bool
    text: str


Check = Callable[[Settings], str]


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check that these settings call for."""
    for subject, check in _checks(settings):
        try:
            yield Finding(subject, True, check(settings))
        except TextmillError as error:
            yield Finding(subject, False, str(error))


def _checks(settings: Settings) -> list[tuple[str, Check]]:
    checks: list[tuple[str, Check]] = [
        ("python", _python),
        ("data directory", _data_directory),
        ("model versions", _starters),
        ("database", _database),
        ("job log", _kafka if settings.kafka.bootstrap_servers else _embedded_log),
        ("hand-over", _redis if settings.redis.url else _in_process),
        ("gpu", _gpu),
    ]
    return checks


def _python(settings: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise UsageError(f"Python {version} is not supported: use 3.11, 3.12 or 3.13")
    return version


def _data_directory(settings: Settings) -> str:
    directory = settings.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ".write-test").touch()
        (directory / ".write-test").unlink()
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be written ({error.strerror}): set TEXTMILL_DATA_DIR"
        ) from None
    free = shutil.disk_usage(directory).free // 2**30
    return f"{directory}, {free} GiB free"


def _starters(settings: Settings) -> str:
    from models import artifact
    from workers import starters

    manifests = [artifact.verify(path) for path in starters.directories()]
    return ", ".join(manifest.name for manifest in manifests)


def _database(settings: Settings) -> str:
    from workers.sql.engine import open_engine
    from workers.sql.upgrade import require_current

    url = settings.database_url
    if not settings.database.url and not (settings.directory / "textmill.sqlite3").exists():
        return f"{url} will be made at the first start"
    engine = open_engine(url)
    try:
        require_current(engine)
    finally:
        engine.dispose()
    return masked_url(url)


def _kafka(settings: Settings) -> str:
    from workers.log.topics import missing_topics

    missing = missing_topics(settings)
    if missing:
        raise UsageError(f"{len(missing)} topics are missing: run `textmill topics create`")
    return f"{settings.kafka.bootstrap_servers}, all topics are there"


def _embedded_log(settings: Settings) -> str:
    return f"{settings.log_path} (embedded; set TEXTMILL_KAFKA__BOOTSTRAP_SERVERS for Kafka)"


def _redis(settings: Settings) -> str:
    import redis

    try:
        client = redis.Redis.from_url(settings.redis.url, socket_timeout=3)
        with client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise UsageError(
            f"{masked_url(settings.redis.url)} does not answer ({type(error).__name__}): "
            "start Redis (`make services`) or correct TEXTMILL_REDIS__URL"
        ) from None
    return masked_url(settings.redis.url)


def _in_process(settings: Settings) -> str:
    return "in process (embedded; set TEXTMILL_REDIS__URL for workers of their own)"


def _gpu(settings: Settings) -> str:
    if shutil.which("nvidia-smi") is None:
        return "none found; for one install NVIDIA's driver and tensorflow[and-cuda]"
    return "nvidia-smi is there: `--devices all`"
