"""How every Kafka client of Textmill connects: one place for addresses, secrets and refusals.

Consumer, producer and admin client take the same connection options and fail the same way.
`connect` makes one of them and promises: an unencrypted connection leaves this machine only when
that was allowed; a broker that does not answer becomes an `UnavailableError` that names the address
and the setting; a client that failed to start leaves no thread behind. It also keeps kafka-python
from logging below WARNING, since at DEBUG that library writes whole records, texts included.
"""

import ipaddress
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from kafka.cluster import ClusterMetadata
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from schemas.errors import SettingsError, UnavailableError
from schemas.settings import KafkaSettings, variable_of

Client = TypeVar("Client")

BOOTSTRAP_TIMEOUT_MS: Final = 8000
RECONNECT_MAX_MS: Final = 1000
"""Longest pause between two tries to reach a broker; the library's 30 s outlast most outages."""

SETTING: Final = variable_of("kafka.bootstrap_servers")


def connect(
    kafka: KafkaSettings, make: Callable[..., Client], **options: Any
) -> tuple[Client, ClusterMetadata]:
    """A connected client made by `make`, and its view of the cluster.

    Raises:
        SettingsError: plain text to another machine without `allow_plaintext`.
        UnavailableError: no broker answered within some eight seconds.
    """
    refuse_plaintext(kafka)
    networks: list[Any] = []

    def network(**configs: Any) -> Any:
        networks.append(KafkaNetClient(**configs))
        return networks[-1]

    try:
        with hushed():
            client = make(**_options(kafka), **options, kafka_client=network)
    except (KafkaError, OSError, ValueError) as error:
        for started in networks:
            started.close()
        raise unreachable(kafka) from error
    return client, networks[-1].cluster


def unreachable(kafka: KafkaSettings) -> UnavailableError:
    """The error for a broker that does not answer, in words for the person at the terminal."""
    return UnavailableError(
        f"Kafka does not answer at {kafka.bootstrap_servers}. Is the broker running, and is "
        f"{SETTING} right?"
    )


def refuse_plaintext(kafka: KafkaSettings) -> None:
    """Refuse to send texts or passwords unencrypted to another machine.

    Raises:
        SettingsError: the protocol does not encrypt, a host is not this machine, and
            `allow_plaintext` is not set.
    """
    if kafka.allow_plaintext or kafka.security_protocol in {"SSL", "SASL_SSL"}:
        return
    distant = [host for host in _addresses(kafka) if not _is_loopback(_host_of(host))]
    if distant:
        raise SettingsError(
            f"{kafka.security_protocol} to {distant[0]} would cross the network unencrypted. Set "
            f"{variable_of('kafka.security_protocol')} to SSL or SASL_SSL, or, on a network that "
            f"you trust, {variable_of('kafka.allow_plaintext')}=true."
        )


def _options(kafka: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": _addresses(kafka),
        "client_id": "textmill",
        "security_protocol": kafka.security_protocol,
        "ssl_cafile": kafka.ssl_cafile or None,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
    }
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password
    return options


def _addresses(kafka: KafkaSettings) -> list[str]:
    return [part.strip() for part in kafka.bootstrap_servers.split(",") if part.strip()]


def _host_of(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def hushed() -> Iterator[None]:
    """Keep the library's log quiet for a while in which our own error says it all."""
    logger = logging.getLogger("kafka")
    level = max(logger.level, logging.WARNING)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
