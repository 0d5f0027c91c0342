"""Settings: from the environment, then from `textmill.toml`, then the defaults below.

`TEXTMILL_KAFKA__BOOTSTRAP_SERVERS` is `bootstrap_servers` in the table `[kafka]`. A secret may come
from a file: `TEXTMILL_DATABASE__URL_FILE`. None set means *embedded*: no server, one process, one
directory. An unknown name or a wrong value refuses to start.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from schemas import groups
from schemas.errors import SettingsError

PREFIX = "TEXTMILL_"
CONFIG_VARIABLE = "TEXTMILL_CONFIG"
CONFIG_FILE = "textmill.toml"
SECRETS = frozenset({"kafka.sasl_password"})
URLS = frozenset({"redis.url", "database.url"})

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


def default_data_dir() -> str:
    """Where the embedded log, the embedded database and caches live when nothing is said."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(base) / "textmill")


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker that carries the jobs."""

    bootstrap_servers: str = ""
    """`host:port`, several with commas. Empty: the embedded log in `data_dir`."""
    group_id: str = "textmill"
    """Consumer group that the dispatchers share the partitions in."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_cafile: str = ""
    """Path of the certificate authority's file; empty: the system's."""
    allow_plaintext: bool = False
    """Permit an unencrypted connection to a host that is not this machine."""


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fast, lossy hand-over from dispatchers to workers."""

    url: str = ""
    """`redis://host:port/db`. Empty: the worker runs inside `textmill serve`."""


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SQL store of results, registry and protocol."""

    url: str = ""
    """SQLAlchemy URL, for example `postgresql+psycopg://user@host/name`. Empty: SQLite in
    `data_dir`."""


class DispatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How batches are formed and watched."""

    max_batch: Annotated[int, Meta(ge=1, le=4096)] = 512
    """Texts in one batch at most. The worker cuts it by true length, so larger sorts better."""
    token_budget: Count = 32_768
    """Texts x padded length of one batch at most, in tokens; what a batch costs may allow fewer,
    and one text is always allowed."""
    max_batch_s: Positive = 0.5
    """Seconds of the device that a batch may take, by what is known of its version's cost there."""
    mixed_batch_s: Positive = 0.04
    """The same for bulk work, also beside interactive jobs, while interactive jobs come: the next
    one may have to wait for it."""
    policy: Literal["cost", "oldest"] = "cost"
    """Which jobs go first: `cost`, those whose deadline presses by what batches cost, then those
    that are due first; `oldest`, by age alone."""
    max_wait_s: Annotated[float, Meta(ge=0)] = 0.01
    """Longest wait of an interactive job for company, in seconds, while a worker has something else
    in hand and a place beside it; one that has nothing gets it at once."""
    bulk_max_wait_s: Annotated[float, Meta(ge=0)] = 1.0
    """The same for bulk work."""
    lease_s: Positive = 60.0
    """A batch not reported by then is dispatched again. Longer than the slowest batch."""
    max_in_flight: Count = 20_000
    """Jobs held in memory at most; beyond, partitions are paused."""
    max_in_flight_mib: Count = 256
    """The same in MiB of text."""
    max_backlog_s: Positive = 30.0
    """The same in seconds that the workers will need for them, by what batches cost."""
    commit_interval_s: Positive = 5.0
    """How often the watermark is told to Kafka. SQL is the truth; this is for lag displays."""


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a worker uses its device."""

    threads: Annotated[int, Meta(ge=0)] = 0
    """Threads of the numeric library; 0: one for each core of the worker but one, which parses and
    writes; on a GPU as TensorFlow chooses."""
    memory_mib: Annotated[int, Meta(ge=0)] = 0
    """Memory of its device that all loaded models of a worker may take together, in MiB; the least
    recently used leaves. 0: no limit. Beside it a worker needs 700 MiB and what a batch takes."""
    groups: str = ""
    """Models that only workers started with `--group` serve: `NAME=MODEL,MODEL`, several with `;`.
    The same for all workers; those in no group serve the other models. Embedded there are none."""
    heartbeat_s: Positive = 1.0
    """How often a worker says that it lives; one silent for five of these is taken for dead."""


class ModelsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the files of model versions are, and what their registration may take."""

    store: str = ""
    """Directory or fsspec URL (`s3://bucket/models`) that versions are copied to when they are
    registered, for workers on all machines. Empty: all machines see the registered path."""
    starters: str = "all"
    """Shipped models that are registered and routed at a start: `all`, `none` or `NAME,NAME`. What
    is registered already stays; a worker starts the quicker the fewer it has to load."""
    trial_s: Positive = 300.0
    """Seconds that the trial of a version may take before it is refused."""
    trial_memory_mib: Annotated[int, Meta(ge=512)] = 4096
    """Memory that the process of a trial may take, TensorFlow included, in MiB."""


class RolloutSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a canary is promoted or taken back by itself; every decision is in the history."""

    automatic: bool = False
    """Whether it is at all. A pinned route is left to people."""
    min_samples: Count = 500
    """Jobs that canary and live version must each have had, and texts that both have answered,
    before the canary is promoted."""
    max_error_rise: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """How much larger its share of failed jobs may be than the live version's."""
    max_latency_ratio: Annotated[float, Meta(ge=1)] = 2.0
    """How many times the live version's p99 its own may be; below 50 ms all are alike."""
    min_agreement: Annotated[float, Meta(ge=0, le=1)] = 0.8
    """How alike its answers must be to the live version's on the same texts: the share of the same
    labels, the mean F1 of the tags, or the mean ROUGE-L."""
    confidence: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    """Of the intervals (Wilson's) that these shares are judged by."""
    check_s: Positive = 10.0
    """How often canaries are looked at, in seconds."""


class ResultsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of answers beside their rows."""

    stream: bool = False
    """Whether each new row of `result` is told on the topic `textmill.results.<task>` after its
    commit, once or more. The same for dispatchers and workers; then `textmill topics create`."""


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures for Prometheus, on this machine alone."""

    port: Annotated[int, Meta(ge=0, le=65_000)] = 0
    """Port on 127.0.0.1 of the dispatcher's, or of `textmill serve`'s; workers have the ports after
    it. One that is taken is passed over; the log says which it is. 0: none."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data_dir: str = msgspec.field(default_factory=default_data_dir)
    """Directory of the embedded log and database, created on first use."""
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    database: DatabaseSettings = DatabaseSettings()
    dispatch: DispatchSettings = DispatchSettings()
    worker: WorkerSettings = WorkerSettings()
    models: ModelsSettings = ModelsSettings()
    rollout: RolloutSettings = RolloutSettings()
    results: ResultsSettings = ResultsSettings()
    metrics: MetricsSettings = MetricsSettings()

    @property
    def directory(self) -> Path:
        """`data_dir` with `~` expanded."""
        return Path(self.data_dir).expanduser()

    @property
    def log_path(self) -> Path:
        """File of the embedded job log."""
        return self.directory / "log.sqlite3"

    @property
    def database_url(self) -> str:
        """The store's SQLAlchemy URL, embedded or not."""
        return self.database.url or f"sqlite:///{self.directory / 'textmill.sqlite3'}"


def load(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """The effective settings.

    Args:
        environ: variables to read; the process's by default.
        directory: where `textmill.toml` is looked for; the working directory by default.

    Raises:
        SettingsError: an unknown name, a wrong value or an unreadable file; says which.
    """
    environ = os.environ if environ is None else environ
    values = _from_file(environ, directory or Path.cwd())
    for path, value in _from_environment(environ).items():
        _put(values, path.split("."), value)
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_said_by_name(str(error))) from None
    _check_redis(settings.redis.url)
    _check_database(settings.database.url)
    groups.parse(settings.worker.groups)
    return settings


def describe(settings: Settings) -> dict[str, Any]:
    """Every setting by dotted name, secrets masked."""
    return {path: _masked(path, value) for path, value in _flat(msgspec.to_builtins(settings))}


def variable_of(path: str) -> str:
    """The environment variable of a dotted name: `kafka.group_id` → `TEXTMILL_KAFKA__GROUP_ID`."""
    return PREFIX + path.replace(".", "__").upper()


def _from_file(environ: Mapping[str, str], directory: Path) -> dict[str, Any]:
    named = environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else directory / CONFIG_FILE
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"Cannot read the settings file {path}: {error}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    paths = {variable_of(path): path for path, _ in _flat(msgspec.to_builtins(Settings()))}
    found = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        named = variable if variable in paths else variable.removesuffix("_FILE")
        if named not in paths:
            raise SettingsError(_unknown(variable, list(paths)))
        if paths[named] in found:
            raise SettingsError(f"Both {named} and {named}_FILE are set; keep one of them.")
        found[paths[named]] = value if named == variable else _secret_in(variable, value)
    return found


def _secret_in(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read the file that {variable} names: {error}") from None


def _unknown(variable: str, known: list[str]) -> str:
    near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"Unknown setting {variable}.{hint} Without it `textmill config` lists them all."


def _said_by_name(error: str) -> str:
    """msgspec's sentence with the setting's own name instead of a path."""
    what, _, path = error.partition(" - at `$")
    name = path.strip("`.")
    variable = f" ({variable_of(name)})" if "." in name or name == "data_dir" else ""
    return f"Wrong setting{f' in {name}{variable}' if name else ''}: {what}."


def _check_redis(url: str) -> None:
    if url and not (url.startswith(("redis://", "rediss://", "unix://")) and _has_sound_port(url)):
        raise SettingsError(
            f"{variable_of('redis.url')} is no address of a Redis: write `redis://host:port/0`, or "
            "`rediss://` for TLS."
        )


def _check_database(url: str) -> None:
    if url and not (url.startswith(("postgresql", "sqlite")) and _has_sound_port(url)):
        raise SettingsError(
            f"{variable_of('database.url')} is of no database that keeps results: write "
            "`postgresql+psycopg://user@host:port/name` or `sqlite:///path`."
        )


def _has_sound_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _put(values: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise SettingsError(f"`{name}` in the settings file must be a table, [{name}].")
    values[path[-1]] = value


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat = []
    for name, value in values.items():
        nested = isinstance(value, dict)
        flat += _flat(value, f"{prefix}{name}.") if nested else [(prefix + name, value)]
    return flat


def _masked(path: str, value: Any) -> Any:
    if path in SECRETS and value:
        return "***"
    return masked_url(value) if path in URLS else value


def masked_url(url: str) -> str:
    """The URL without its password and query, fit for a terminal or a log.

    Where it cannot be told what is a password, nothing but the scheme is shown.
    """
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not separator or "?" in credentials:
        return (scheme + "://" if separator else "") + ("***" if url else "")
    user, colon, _ = credentials.partition(":")
    return scheme + separator + (user + ":***" if colon else credentials) + at + host.split("?")[0]
