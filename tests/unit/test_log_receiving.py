"""Answers of a broker are read in large pieces, and the end of a connection is an error."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from workers.log import receiving


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    broker, ours = socket.socketpair()
    with broker, ours:
        ours.setblocking(False)
        yield broker, ours


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the client reads with, once it is installed."""
    monkeypatch.setattr(KafkaTCPTransport, "_sock_recv", KafkaTCPTransport._sock_recv)
    receiving.install()
    return KafkaTCPTransport._sock_recv


def test_all_that_is_here_comes_at_once(ends: Any, read: Any) -> None:
    broker, ours = ends
    broker.sendall(b"a" * 100_000)
    assert read(SimpleNamespace(_sock=ours)) == (b"a" * 100_000, None)


def test_nothing_here_is_no_error(ends: Any, read: Any) -> None:
    assert read(SimpleNamespace(_sock=ends[1])) == (b"", None)


def test_an_ended_connection_is_an_error(ends: Any, read: Any) -> None:
    broker, ours = ends
    broker.close()
    data, error = read(SimpleNamespace(_sock=ours))
    assert data == b""
    assert isinstance(error, KafkaConnectionError)


def test_a_broken_connection_is_an_error(ends: Any, read: Any) -> None:
    ours = ends[1]
    ours.close()
    assert isinstance(read(SimpleNamespace(_sock=ours))[1], KafkaConnectionError)


def test_tls_reads_on_as_the_library_does(read: Any) -> None:
    assert KafkaSSLTransport._sock_recv is not read
