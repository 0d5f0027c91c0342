"""How much memory this process holds, so that what a model takes can be told from its growth."""

import ctypes
import gc
import os
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident() -> int:
    """Bytes of memory that this process really needs: what is free goes back to the system first.

    Models hold cycles, and the allocator keeps freed pages; without both steps a model that left
    would still be counted, and the next one, which moves into its pages, would not. 0 where the
    system has no such figure.
    """
    gc.collect()
    if not _STATM.exists():
        return 0
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
