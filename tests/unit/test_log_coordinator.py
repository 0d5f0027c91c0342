"""The client's thread is asked for the group's coordinator only while that is not known."""

from workers.log.coordinator import ask_while_unknown


class Coordinator:
    """Notes how often its thread was asked."""

    def __init__(self) -> None:
        self.known, self.asked = False, 0

    def coordinator_unknown(self) -> bool:
        return not self.known

    def ensure_coordinator_ready(self, timeout_ms: float | None = None) -> bool:
        self.asked += 1
        return False


def test_a_known_coordinator_is_not_asked_for() -> None:
    coordinator = Coordinator()
    ask_while_unknown(coordinator)
    assert not coordinator.ensure_coordinator_ready(timeout_ms=5)
    coordinator.known = True
    assert coordinator.ensure_coordinator_ready(timeout_ms=5)
    assert coordinator.asked == 1
    coordinator.known = False
    assert not coordinator.ensure_coordinator_ready()
    assert coordinator.asked == 2
