"""A broker that tests of one module share, and a topic and group on it for each test."""

from collections.abc import Iterator

import pytest

from deploy.services import KafkaService
from tests.contracts.log_rigs import KafkaRig
from tests.services_fixtures import start_or_skip


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaService]:
    """A broker of this module's own: members share its topics, and one test kills it."""
    broker = start_or_skip(KafkaService())
    yield broker
    broker.stop()


@pytest.fixture
def rig(broker: KafkaService) -> Iterator[KafkaRig]:
    rig = KafkaRig(broker.start())
    yield rig
    rig.delete()
