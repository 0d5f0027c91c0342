"""The process of a trial has no network, by the kernel or by Python."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

CONNECT = """
import socket, sys
from workers.gate import alone
if sys.argv[2] == "refused":
    alone._in_own_namespace = lambda: False
print(alone.cut_off())
if sys.argv[2] == "kernel":
    print(len(open("/proc/self/net/dev").read().splitlines()) - 2)
    alone._WAYS_OUT = frozenset()  # what the hook refuses otherwise
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    print("connected")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def said(port: int, how: str) -> list[str]:
    program = [sys.executable, "-c", CONNECT, str(port), how]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()


def test_python_is_refused_where_the_kernel_gives_no_namespace(port: int) -> None:
    assert said(port, "refused") == ["Python's sockets refused", "PermissionError"]


def test_the_kernel_gives_a_network_with_nothing_in_it(port: int) -> None:
    how, *rest = said(port, "kernel")
    if how != "without a network":
        pytest.skip("this kernel gives this user no namespaces")
    devices, outcome = rest
    assert devices == "1"
    assert outcome == "OSError", "the network cannot be reached"
