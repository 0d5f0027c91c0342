"""Loading later what could not be loaded at the start, beside the batches.

A version may be missing for a passing reason: memory that another process held, files that were
still being copied. Batches of other versions go on meanwhile.
"""

import logging
import threading

from workers.failure import kind
from workers.loaded_models import LoadedModels

_log = logging.getLogger(__name__)
RETRY_S = 60.0
"""Pause between two tries: a load reads all files and warms the model, which costs seconds."""
_LEAVE_S = 10.0
"""How long a load under way is waited for: TensorFlow does not like to be left in the middle."""


class LateLoading:
    """Tries the missing versions again until there are none."""

    def __init__(self, models: LoadedModels, retry_s: float = RETRY_S) -> None:
        self._models = models
        self._retry_s = retry_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="textmill-late", daemon=True)

    def start(self) -> None:
        """Begin, where anything is missing."""
        if self._models.missing:
            self._thread.start()

    def stop(self) -> None:
        """Try no more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        while self._models.missing and not self._stopping.wait(self._retry_s):
            try:
                self._models.load_missing()
            except Exception as error:  # the edge of the thread: what is loaded serves on
                _log.error("Missing versions are not loaded: %s.", kind(error))
