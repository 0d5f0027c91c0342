"""A process that gives its network up, for good.

Where the kernel lets it, it moves into a network namespace of its own, in which there is nothing
but a loopback device that is down: that holds for native code too, and for whatever it starts. An
ordinary user gets one together with a user namespace, where the system allows those. Beside that,
and that is all where the kernel refuses, as in many containers, an audit hook refuses Python's ways
out: code that means to could go around it.
"""

import ctypes
import os
import sys
from typing import Any, Final

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
_WAYS_OUT: Final = frozenset(
    f"socket.{name}"
    for name in ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
)


def cut_off() -> str:
    """Give the network up, before the first thread starts; what was done, for people."""
    own = _in_own_namespace()
    sys.addaudithook(_refuse)
    return "without a network" if own else "Python's sockets refused"


def _in_own_namespace() -> bool:
    """Whether the kernel lets this process have a network of its own."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    user = 0 if os.geteuid() == 0 else CLONE_NEWUSER
    return any(libc.unshare(CLONE_NEWNET | flags) == 0 for flags in dict.fromkeys((user, 0)))


def _refuse(event: str, _given: tuple[Any, ...]) -> None:
    if event in _WAYS_OUT:
        raise PermissionError("a version that is tried has no network")
