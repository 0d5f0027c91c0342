"""The page where the figures are read: HTTP on this machine alone."""

import logging
from typing import Final, Self

from prometheus_client import CollectorRegistry, start_http_server

_log = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"
TRIES: Final = 64
"""Ports that are tried, one after the other: others on this machine may have the first."""


class Exposition:
    """A registry on its port; serves nothing where the port is 0."""

    def __init__(self, registry: CollectorRegistry, port: int, what: str) -> None:
        """
        Args:
            registry: the figures.
            port: the first to try; 0: none.
            what: whose figures they are, for the log.
        """
        self._server = None
        for tried in range(port, min(port + TRIES, 65_536)) if port else ():
            try:
                self._server, self._thread = start_http_server(tried, HOST, registry)
            except OSError:
                continue
            _log.info("metrics of %s: http://%s:%d/metrics", what, HOST, tried)
            return
        if port:
            _log.warning("metrics of %s cannot be read: %d ports are taken", what, TRIES)

    @property
    def port(self) -> int:
        """Where it is read; 0: nowhere."""
        return self._server.server_port if self._server else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
