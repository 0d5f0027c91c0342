"""Data directories: a temporary one for a test, a lasting one for a developer.

A temporary directory carries its owner's pid and birth in its name. A process that was killed
cannot tidy up, so the next one that asks for a directory removes those whose owner is gone.

PostgreSQL refuses to run as root and then runs as another user, who must be able to reach its
data; `reachable` answers where.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import tempfile
from pathlib import Path

from deploy.services.process import Process

_PREFIX = "textmill-service"


def temporary(name: str) -> Path:
    """A new empty directory that `sweep` knows to belong to this process."""
    sweep()
    me = Process.of(os.getpid())
    assert me is not None
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{me.pid}-{me.born}-{name}-"))


def sweep() -> None:
    """Remove the temporary directories of processes that no longer live."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        if _is_abandoned(directory):
            shutil.rmtree(directory, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    owner = re.match(rf"{_PREFIX}-(\d+)-(\d+)-", directory.name)
    if owner is None:
        return False
    pid, born = map(int, owner.groups())
    return not Process(pid=pid, born=born).alive()


def give_to(directory: Path, user: str | None) -> None:
    """Make the directory, and `user` (None: us) its owner and the only one who may enter."""
    directory.mkdir(parents=True, exist_ok=True)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(directory, account.pw_uid, account.pw_gid)
    directory.chmod(0o700)


def reachable(directory: Path, user: str | None) -> Path:
    """`directory`, or where any user may go if a parent of it is closed to `user`."""
    if user is None or all(_is_open(parent) for parent in directory.resolve().parents):
        return directory
    digest = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"textmill-{directory.name}-{digest}"


def _is_open(directory: Path) -> bool:
    return not directory.exists() or bool(directory.stat().st_mode & stat.S_IXOTH)
