"""Bring the servers' programs to this machine: Debian packages, and Kafka's jars by Maven.

Idempotent: what is there is left as it is, and a second call takes no time. Without root nothing
is installed with apt; the message then says what an administrator should type. The jars arrive in
a folder of their own that gets its name only when it is complete, so that two installations at
once cannot spoil each other.

A Java program spends most of its start reading and checking classes. So one broker is run for a
moment, and what it read is kept ready parsed ("class data sharing"): every later start takes about
half the time. It is only a gain in time: without the archive, or with another Java, all works.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.services import programs
from deploy.services.kafka import KafkaService
from deploy.services.service import ServiceError, ServiceMissingError

_POM = Path(__file__).parent / "broker" / "pom.xml"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def install() -> None:
    """Install all that is missing.

    Raises ServiceMissingError when only root could, ServiceError when an installer failed.
    """
    packages = missing_packages()
    if packages:
        _apt_install(packages)
    if not programs.kafka_home().exists():
        _fetch_kafka(programs.kafka_home())
    if not programs.kafka_class_archive().exists():
        _archive_classes(programs.kafka_class_archive())


def missing_packages() -> list[str]:
    """The Debian packages that would bring what is not here yet."""
    wanted: dict[str, Callable[[], object]] = {
        "redis-server": programs.redis_server,
        "postgresql": lambda: programs.postgres("postgres"),
        "default-jre-headless": programs.java,
    }
    if not programs.kafka_home().exists():
        wanted["maven"] = programs.maven
    return [package for package, find in wanted.items() if _is_missing(find)]


def _is_missing(find: Callable[[], object]) -> bool:
    try:
        find()
    except ServiceMissingError:
        return True
    return False


def _apt_install(packages: list[str]) -> None:
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ServiceMissingError(
            f"not installed here; an administrator could: {' '.join(install)}"
        )
    _say(f"installing {' '.join(packages)}")
    _run(["apt-get", "update"])
    _run(install)


def _fetch_kafka(target: Path) -> None:
    _say(f"fetching Kafka {programs.KAFKA_VERSION}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        home = Path(scratch) / "home"
        flags = ["--batch-mode", "--quiet", "-Dstyle.color=never", f"--file={_POM}"]
        _run([programs.maven(), *flags, _COPY, f"-DoutputDirectory={home / 'lib'}"])
        try:
            home.rename(target)
        except OSError:
            if not target.exists():  # another installation came first: as good
                raise


def _archive_classes(target: Path) -> None:
    _say("preparing Kafka's classes")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        archive = Path(scratch) / target.name
        _Recorder(archive).record()
        if archive.exists():
            archive.rename(target)
        else:
            _say("this Java keeps no class archive: Kafka will start, only slower")


class _Recorder(KafkaService):
    """A broker that writes down, when it ends, the classes it has read."""

    stop_patience_s = 120.0

    def __init__(self, archive: Path) -> None:
        super().__init__()
        self._archive = archive

    def command(self) -> list[str]:
        java, *rest = super().command()
        return [java, f"-XX:ArchiveClassesAtExit={self._archive}", *rest]

    def record(self) -> None:
        with self:
            pass  # to have started and answered is all it is for


def _run(command: list[str]) -> None:
    """Run quietly; show what it said only if it failed."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ServiceError(f"{' '.join(command)} failed:\n{done.stdout.strip()}")


def _say(words: str) -> None:
    print(f"services: {words}", file=sys.stderr, flush=True)
