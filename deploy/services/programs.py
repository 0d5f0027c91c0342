"""Where the servers' programs are on this machine; `install` brings those that are missing.

Looking never changes anything. What is not there is a `ServiceMissingError` that says which package
brings it.
"""

import os
import shutil
from pathlib import Path

from deploy.services.service import ServiceMissingError

KAFKA_VERSION = "4.1.0"

_POSTGRES_HOMES = Path("/usr/lib/postgresql")


def redis_server() -> str:
    return _on_path("redis-server", package="redis-server")


def java() -> str:
    return _on_path("java", package="default-jre-headless")


def maven() -> str:
    return _on_path("mvn", package="maven")


def postgres(program: str) -> str:
    """`postgres`, `initdb` …: Debian keeps them out of PATH, a folder for each version."""
    homes = sorted(_POSTGRES_HOMES.glob("*/bin"), key=_version, reverse=True)
    for home in homes:
        if (home / program).exists():
            return str(home / program)
    return _on_path(program, package="postgresql")


def kafka_class_path() -> str:
    """The broker's jars, in an order that is always the same."""
    jars = sorted((kafka_home() / "lib").glob("*.jar"))
    if not jars:
        raise ServiceMissingError(
            f"Kafka {KAFKA_VERSION} is not in {kafka_home()}: run `make services-install`"
        )
    return ":".join(map(str, jars))


def kafka_class_archive() -> Path:
    """Where the broker's classes lie ready parsed, if `install` could prepare them."""
    return kafka_home() / "classes.jsa"


def kafka_home() -> Path:
    """Where the broker belongs, there or not. One copy serves every checkout of this user."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "textmill" / f"kafka-{KAFKA_VERSION}"


def _on_path(program: str, *, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise ServiceMissingError(
            f"{program} is not installed: run `make services-install` as root, "
            f"or install the Debian package {package}"
        )
    return found


def _version(home: Path) -> float:
    try:
        return float(home.parent.name)
    except ValueError:
        return 0.0
