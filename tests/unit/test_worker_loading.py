"""How a worker starts: each version serves once it is there, whatever becomes of the others."""

import threading
from typing import Any

import pytest

from schemas.errors import ArtifactError, SettingsError, UnavailableError
from schemas.groups import EVERYTHING, Share
from tests.unit.worker_fakes import FakeProfiles, FakeRegistry, HashModel, until, version
from tests.unit.worker_world import World
from workers import replicas
from workers.core import rollout
from workers.core.rollout import Load
from workers.desired import NO_ROOM, Replica
from workers.lack import Lack, lack
from workers.ports import ModelVersion, Profile
from workers.replicas import NothingLoadedError
from workers.supervised import EXIT_BROKEN, EXIT_UNAVAILABLE, EXIT_USAGE
from workers.urgency import Urgency, first
from workers.worker_process import _exit_code

NAMES = {1: "topic", 3: "mood", 5: "names"}


class Start(World):
    """A worker whose three routed models have names of their own, loaded one by one when told."""

    def __init__(self, **options: Any) -> None:
        registry = FakeRegistry(*(version(n, f"d{n}", name) for n, name in NAMES.items()))
        self.gates = {n: threading.Event() for n in NAMES}
        super().__init__(registry=registry, heartbeat_s=60.0, **options)

    def load(self, wanted: ModelVersion) -> Any:
        assert self.gates[wanted.version_id].wait(5)
        return super().load(wanted)

    def let(self, *numbers: int) -> None:
        """Let these versions load."""
        for number in numbers:
            self.gates[number].set()

    def said(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """What dispatchers know: versions that are ready, models that are loading."""
        return self.bus.states[-1].versions, self.bus.states[-1].loading


def test_each_version_serves_as_soon_as_it_is_there_while_the_others_load() -> None:
    start = Start()
    start.worker.start()
    assert start.said() == ((), ("mood", "names", "topic")), "alive before anything is loaded"
    start.let(1)
    until(lambda: start.said() == ((1,), ("mood", "names")))
    assert start.run("a").settled, "and it answers, while the next is loaded"
    assert start.rollouts.states() == {1: "READY", 3: "LOADING"}
    start.let(3, 5)
    until(lambda: start.said() == ((1, 3, 5), ()))
    assert start.rollouts.states() == dict.fromkeys(NAMES, "READY")
    start.worker.finish()


def test_what_is_waited_for_comes_first() -> None:
    start = Start()
    start.bus.waited_for = {"names"}
    start.let(*NAMES)
    start.start()
    assert start.loads == [5, 1, 3]
    start.worker.finish()


def test_the_supervisor_sees_no_worker_before_something_is_ready() -> None:
    start = Start()
    start.worker.start()
    assert start.pulses == []
    start.let(*NAMES)
    until(lambda: start.pulses)
    start.worker.finish()


def test_a_worker_that_can_load_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    given_up: list[NothingLoadedError] = []
    start = Start(on_useless=given_up.append)
    start.models.clear()
    start.let(*NAMES)
    start.worker.start()
    until(lambda: given_up)
    assert "None of the 3 routed model versions" in str(given_up[0])
    assert caplog.text.count("Cannot load") == 3
    assert start.said() == ((), ("mood", "names", "topic")), "and is sent nothing"
    assert start.pulses == []
    start.worker.finish()


def test_it_leaves_in_the_midst_of_loading_after_the_load_under_way() -> None:
    start = Start()
    start.worker.start()
    leaving = threading.Thread(target=start.worker.finish)
    leaving.start()
    start.let(*NAMES)
    leaving.join(5)
    assert not leaving.is_alive()
    assert len(start.loads) <= 1
    assert start.bus.withdrawn == ["w1"]


def test_without_routes_a_worker_loads_what_batches_name() -> None:
    world = World(routed=False)
    world.start()
    assert world.run("a", version_id=2, digest="d2").settled
    assert world.loaded.versions == (2,)
    world.worker.finish()


def test_a_missing_version_is_tried_again_until_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "RETRY_S", 0.02)
    monkeypatch.setattr(replicas, "POLL_S", 0.01)
    world = World(heartbeat_s=0.01)
    del world.models["d3"]
    world.worker.start()
    until(lambda: world.loads.count(3) >= 3)
    until(lambda: world.bus.states[-1].versions == (1, 5))
    assert world.run("a").settled, "the others are served meanwhile"
    assert world.loaded.lack.missing == (3,)
    world.models["d3"] = HashModel("d3")
    until(lambda: world.bus.states[-1].versions == (1, 3, 5))
    until(lambda: world.loaded.lack == Lack())
    tries = len(world.loads)
    world.worker.finish()
    assert len(world.loads) == tries


def test_a_registry_that_is_away_keeps_nothing_from_being_served(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "POLL_S", 0.01)
    world = World()
    world.start()
    world.registry.away = True
    until(lambda: "Changes of routes are not seen now" in caplog.text)
    assert world.run("a").settled
    world.worker.finish()


LIVE = {n: version(n, f"d{n}", name) for n, name in NAMES.items()}


def failed(number: int, reason: str = "damaged") -> Replica:
    return Replica(worker_id="w1", version_id=number, state="FAILED", reason=reason)


@pytest.mark.parametrize(
    ("here", "due", "said", "found"),
    [
        ((), (1, 3, 5), (), Lack((1, 3, 5), ("mood", "names", "topic"))),
        ((1,), (3, 5), (), Lack((3, 5), ("mood", "names"))),
        ((1, 3, 5), (), (), Lack()),
        ((1, 9), (), (failed(3), failed(5, f"{NO_ROOM}: full")), Lack((3,))),
        ((), (5,), (failed(1), failed(3)), Lack((1, 3, 5), ("mood", "names", "topic"))),
        ((), (), (failed(1), failed(3)), Lack((1, 3, 5), ("mood", "names", "topic"))),
        (
            (),
            (),
            (failed(1), failed(3), failed(5)),
            Lack((1, 3, 5), ("mood", "names", "topic"), useless=True),
        ),
    ],
)
def test_what_a_worker_lacks(
    here: tuple[int, ...], due: tuple[int, ...], said: tuple[Replica, ...], found: Lack
) -> None:
    assert lack(LIVE, here, due, {one.version_id: one for one in said}) == found


def test_without_routes_nothing_lacks() -> None:
    assert lack({}, (), (), {}) == Lack()


SIZES = {1: 30, 3: 10, 5: 20}


@pytest.mark.parametrize(
    ("wanted", "batches", "number"),
    [
        ((), {}, 3),
        (("topic",), {}, 1),
        (("topic", "names"), {}, 5),
        (("topic",), {5: 9}, 1),
        ((), {1: 4, 5: 9}, 5),
    ],
)
def test_which_version_comes_first(
    wanted: tuple[str, ...], batches: dict[int, int], number: int
) -> None:
    due = [Load("w1", one, beside=True) for one in LIVE.values()]
    chosen = first(due, wanted, batches, lambda version: SIZES[version.version_id])
    assert chosen.version.version_id == number


def test_where_nobody_can_be_asked_what_was_asked_before_decides() -> None:
    def away(models: Any) -> Any:
        raise UnavailableError("Redis does not answer")

    prices = (1e-3, 1e-6, 0.0)
    known = FakeProfiles(
        Profile(3, "cpu", prices, 2), Profile(5, "cpu", prices, 2), Profile(5, "gpu", prices, 1)
    )
    due = [Load("w1", one, beside=True) for one in LIVE.values()]
    assert Urgency(away, known.profiles).first(due).version.version_id == 5


def test_a_share_without_what_is_loading() -> None:
    assert EVERYTHING.without(()) is EVERYTHING
    rest = EVERYTHING.without(("mood",))
    assert ("mood" in rest, "names" in rest) == (False, True)
    group = Share(only=("mood", "names")).without(("mood", "names"))
    assert [one for one in ("mood", "names", "topic") if one in group] == []


def test_exit_codes_say_what_a_supervisor_should_do() -> None:
    assert _exit_code(NothingLoadedError("none")) == EXIT_BROKEN
    assert _exit_code(ArtifactError("a shipped file is damaged")) == EXIT_UNAVAILABLE
    assert _exit_code(UnavailableError("Redis")) == EXIT_UNAVAILABLE
    assert _exit_code(SettingsError("wrong")) == EXIT_USAGE
