"""Ports that nobody uses, below the ephemeral range.

The kernel gives outgoing connections their source port from the ephemeral range. A server killed
for a test and started again on the same port must find it free, and a client that keeps dialling
a dead port inside that range sooner or later connects to itself. So ports are drawn from below it.
Between the draw and the server's own bind another process may take the port: then the start fails,
and says so. This process draws no port twice, since its servers start beside each other.
"""

import secrets
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LOWEST = 20_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DRAWS = 1_000
_USUAL_EPHEMERAL = 32_768
_drawn: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As the servers do: connections in TIME_WAIT are no hindrance, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None) -> int:
    """`preferred` if it is free, else a random free one. Raises OSError if none is found."""
    if preferred is not None and is_free(preferred):
        return preferred
    highest = _first_ephemeral_port()
    for _ in range(_DRAWS):
        port = _LOWEST + secrets.randbelow(highest - _LOWEST)
        if port not in _drawn and is_free(port):
            _drawn.add(port)
            return port
    raise OSError(f"no free port on {LOOPBACK} between {_LOWEST} and {highest}")


def _first_ephemeral_port() -> int:
    try:
        first = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except OSError:
        first = 0
    return first if first > _LOWEST + _DRAWS else _USUAL_EPHEMERAL
