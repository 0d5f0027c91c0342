"""PostgreSQL from the distribution's package: `initdb` once, then `postgres`.

The only role is `textmill`, a superuser without a password; the database is `textmill` too.
Committed rows survive a killed server always; `durable` adds the disk's own confirmation (fsync).
`synchronous_commit` stays on either way: without it the last commits before a kill would be lost,
and a fault test would blame the wrong program.
"""

import contextlib
import os
import pwd
import signal
import subprocess
from pathlib import Path

from deploy.services import process, programs
from deploy.services.ports import LOOPBACK
from deploy.services.service import Service, ServiceError

ROLE = "textmill"

_ALWAYS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data directory: a kill leaves none elsewhere
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class PostgresService(Service):
    """One PostgreSQL cluster; `url` is that of its database `textmill`, for SQLAlchemy."""

    name = "postgres"
    default_port = 5432
    stop_signal = signal.SIGINT  # "fast": ends the sessions; SIGTERM would wait for them
    death_signal = signal.SIGQUIT  # SIGKILL would leave its children to find out by themselves

    @property
    def url(self) -> str:
        return self.database_url(ROLE)

    def database_url(self, database: str) -> str:
        """For SQLAlchemy, with psycopg 3."""
        return self.dsn(database).replace("postgresql:", "postgresql+psycopg:", 1)

    def dsn(self, database: str = ROLE) -> str:
        """For psycopg and every other client of libpq."""
        return f"postgresql://{ROLE}@{LOOPBACK}:{self.port}/{database}"

    @property
    def user(self) -> str | None:
        return unprivileged_user()

    @property
    def _cluster(self) -> Path:
        return self.directory / "cluster"

    def prepare(self) -> None:
        if (self._cluster / "PG_VERSION").exists():
            return
        command = [programs.postgres("initdb"), "--pgdata=cluster", f"--username={ROLE}"]
        command += ["--auth=trust", "--encoding=UTF8", "--no-instructions"]
        command += ["--lc-collate=C", "--lc-ctype=C.UTF-8"]  # keys are compared byte by byte
        if not self.durable:
            command.append("--no-sync")
        if process.run(command, directory=self.directory, log=self.log, user=self.user) != 0:
            raise ServiceError(f"initdb failed:\n{self.log_tail()}")

    def command(self) -> list[str]:
        settings = {**_ALWAYS, "port": str(self.port), **({} if self.durable else _NOT_DURABLE)}
        command = [programs.postgres("postgres"), "-D", "cluster"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def answers(self) -> bool:
        import psycopg

        try:
            self.create_database(ROLE)
        except psycopg.OperationalError:  # not yet listening, or still recovering
            return False
        return True

    def kill(self) -> None:
        was_running = self.running()
        super().kill()
        if was_running:
            self._free_shared_memory()

    def _free_shared_memory(self) -> None:
        """A killed PostgreSQL leaves a segment of 56 bytes until its next start, if there is one.
        Its id is the last number of the lock file's seventh line."""
        with contextlib.suppress(OSError, IndexError):
            segment = (self._cluster / "postmaster.pid").read_text().splitlines()[6].split()[-1]
            subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL, check=False)

    def create_database(self, database: str) -> None:
        """Make an empty database unless it exists."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=2) as admin:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if admin.execute(query, [database]).fetchone() is None:
                admin.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))

    def drop_database(self, database: str) -> None:
        """Remove a database and whoever is still connected to it."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=2) as admin:
            drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(drop.format(Identifier(database)))


def unprivileged_user() -> str | None:
    """Whose rights PostgreSQL takes: None (ours), or its own user's when we are root."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"
