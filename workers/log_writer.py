"""A way into the log that is opened when it is needed, and anew after a failure."""

from collections.abc import Callable, Sequence

from workers.ports import LogWriter


class LazyWriter:
    """`LogWriter` over one that may break. One thread."""

    def __init__(self, open_writer: Callable[[], LogWriter]) -> None:
        self._open_writer = open_writer
        self._writer: LogWriter | None = None

    def open(self) -> None:
        """Open it now."""
        if self._writer is None:
            self._writer = self._open_writer()

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """See `workers.ports.LogWriter`."""
        self.open()
        assert self._writer is not None
        try:
            self._writer.append(topic, records)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give back the connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
