"""How much memory this process holds, so that what a model takes can be told from its growth."""

import ctypes
import gc
import os
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def settle() -> None:
    """Spare the collector what is here now: the libraries' own objects, which never go.

    TensorFlow's are 290,000; looking at them all takes 0.4 to 0.7 s on a core, in which no batch is
    served, and each load and each unload collects. Without them it takes 3 ms.
    """
    gc.collect()
    gc.freeze()


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
