"""Inputs of bulk jobs that we keep because they are no files of the user's."""

import time
from pathlib import Path
from typing import Final

from schemas.settings import Settings
from workers.assembly import Store
from workers.bulks.desk import KEPT

YOUNG_S: Final = 24 * 3600.0
"""So long an input may lie here before its job is in the manifest."""


def forgotten(settings: Settings, store: Store) -> list[Path]:
    """Those that no job in the manifest has any more."""
    wanted = {file.path for job in store.bulks.every() for file in job.request.files}
    old = time.time() - YOUNG_S
    lying = (settings.directory / KEPT).resolve().glob("*")
    return [path for path in lying if str(path) not in wanted and path.stat().st_mtime < old]
