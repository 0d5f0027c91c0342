"""Importing TensorFlow without its notes on the terminal, and without what nobody here uses of it.

TensorFlow 2.21 writes start-up notes to the process's standard error before any of its own settings
for logs take effect, so the descriptor itself is turned away for the moment of the import. A failed
import still raises; later warnings and errors are shown as ever.

Keras and TensorFlow import Matplotlib, scikit-learn, pandas and SciPy where they are installed, for
plots, wrappers, frames and sparse arrays that nobody gives them here: half of the import's time and
100 MB in every worker. So they look absent for that moment; whoever imports them afterwards gets
them. Nor is garbage looked for meanwhile: there is none among the 290,000 objects that come.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def import_tensorflow() -> None:
    """Import TensorFlow and let it find its devices; whoever imports it again gets it at once."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with silent_stderr(), _absent("matplotlib", "sklearn", "pandas", "scipy"), _without_collector():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Turn away what C++ libraries write to the process's standard error."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let packages that are not imported yet look as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: cannot be imported
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Look for no garbage meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
