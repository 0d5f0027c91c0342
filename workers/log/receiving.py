"""How answers of the broker are read from their socket.

kafka-python 3.0 reads 4 KiB at a time, and gives the interpreter's lock away at each: a mebibyte of
bulk jobs took 256 turns of that lock, which the dispatcher's loop keeps for milliseconds while it
has work. An interactive job in the next answer waited for them all.

TLS stays as the library has it, whose records are of 16 KiB anyway.
"""

from typing import Any, Final

from kafka.errors import KafkaConnectionError
from kafka.net.transport import KafkaTCPTransport

PIECE: Final = 128 * 1024


def install() -> None:
    """Let all connections read this way."""
    KafkaTCPTransport._sock_recv = _read


def _read(transport: Any) -> tuple[bytes, Exception | None]:
    """What is here, a piece at most; the client asks again while there is more."""
    try:
        data = transport._sock.recv(PIECE)
    except (BlockingIOError, InterruptedError):
        return b"", None
    except OSError as error:
        return b"", KafkaConnectionError(error)
    return data, None if data else KafkaConnectionError("the broker closed the connection")
