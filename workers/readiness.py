"""How a program without a pulse tells its supervisor that it works: it makes a file.

The supervisor names the file in the program's environment; without one nobody asks.
"""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "SUPERVISOR_READY_FILE"


def tell() -> None:
    """Everything that is needed has answered; to be called once."""
    if path := os.environ.get(VARIABLE):
        Path(path).touch(mode=0o600)
