"""The three servers in the background, for a developer: started once, found again by their state.

`.services/` in the checkout holds the servers' data and `state.json`: for each server its port, and
the pid and birth of its process. A process that the state names and that no longer lives is
simply not running; its port and data are used again. A file lock lets one command in at a time.

The settings that lead to them are printed by `exports`, and nothing else writes to standard output,
so `eval "$(python -m deploy.services start)"` works.
"""

import contextlib
import fcntl
import json
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from deploy.services import directories
from deploy.services.kafka import KafkaService
from deploy.services.ports import free_port
from deploy.services.postgres import PostgresService, unprivileged_user
from deploy.services.process import Process
from deploy.services.redis import RedisService
from deploy.services.service import Service, start_all

HOME = Path(__file__).resolve().parents[2] / ".services"

_SETTINGS = {
    "kafka": "TEXTMILL_KAFKA__BOOTSTRAP_SERVERS",
    "redis": "TEXTMILL_REDIS__URL",
    "postgres": "TEXTMILL_DATABASE__URL",
}
_KINDS: dict[str, type[Service]] = {
    kind.name: kind for kind in (KafkaService, RedisService, PostgresService)
}
NAMES = list(_KINDS)


def start(home: Path, names: Collection[str]) -> list[Service]:
    """Start those of the named that do not run, and return them. Raises the first ServiceError."""
    with _locked(home):
        services = _load(home)
        named = [service for service in services if service.name in names]
        failures = start_all(named)
        _save(home, services)
    for failure in failures.values():
        raise failure
    return named


def stop(home: Path, names: Collection[str]) -> list[Service]:
    """End those of the named that run, and return them; their data stays."""
    with _locked(home):
        named = [service for service in _load(home) if service.name in names]
        running = [service for service in named if service.running()]
        for service in running:
            service.stop()
    return running


def clear(home: Path) -> None:
    """End all that run and remove all data."""
    if home.exists():
        stop(home, NAMES)
        for service in _load(home):
            shutil.rmtree(service.directory, ignore_errors=True)
        shutil.rmtree(home)


def status(home: Path) -> list[Service]:
    """All of them, running or not."""
    with _locked(home):
        return _load(home)


def exports(services: list[Service]) -> str:
    """The shell lines that point Textmill to these servers."""
    return "\n".join(f"export {_SETTINGS[service.name]}={service.url}" for service in services)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(home: Path) -> list[Service]:
    path = home / "state.json"
    state = json.loads(path.read_text()) if path.exists() else {}
    return [_revive(kind, home, state.get(name, {})) for name, kind in _KINDS.items()]


def _revive(kind: type[Service], home: Path, known: dict[str, int]) -> Service:
    """The service on its last port; on another if it does not run and the port was taken."""
    process = Process(pid=known["pid"], born=known["born"]) if "pid" in known else None
    alive = process is not None and process.alive()
    port = known["port"] if alive else free_port(known.get("port", kind.default_port))
    user = unprivileged_user() if kind is PostgresService else None
    directory = directories.reachable(home / kind.name, user)
    service = kind(directory=directory, port=port, tied=False, durable=True)
    if process is not None and alive:
        service.adopt(process)
    return service


def _save(home: Path, services: list[Service]) -> None:
    state = {service.name: _describe(service) for service in services}
    (home / "state.json").write_text(json.dumps(state, indent=2) + "\n")


def _describe(service: Service) -> dict[str, int]:
    process = service.process
    identity = {} if process is None else {"pid": process.pid, "born": process.born}
    return {"port": service.port, **identity}
