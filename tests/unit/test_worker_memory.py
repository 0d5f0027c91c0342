"""Several models in one worker's memory: what leaves for what, and what never gets in."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ArtifactError
from tests.unit.worker_fakes import FakeRegistry, HashModel, until, version
from tests.unit.worker_world import World
from workers.inference import TextModel
from workers.lack import Lack
from workers.loaded_models import LoadedModels, TooLargeError
from workers.ports import ModelVersion
from workers.replicas import NothingLoadedError
from workers.shelf import Kept, Shelf

MIB = 2**20


class Machine:
    """Memory that grows by what a version takes, and by what the library takes at first."""

    def __init__(self, *sizes: int, budget: int, library: int = 50) -> None:
        self.sizes = {f"d{n}": size for n, size in enumerate(sizes, start=1)}
        self.in_use = 600 * MIB
        self.library = library * MIB
        self.loads: list[str] = []
        self.registry = FakeRegistry(*(version(n, f"d{n}") for n in range(1, len(sizes) + 1)))
        self.models = LoadedModels(self.registry, self.load, memory_mib=budget, used=self.used)

    def load(self, wanted: ModelVersion) -> TextModel:
        self.loads.append(wanted.digest)
        self.in_use += self.sizes[wanted.digest] * MIB + self.library
        self.library = 0
        return HashModel(wanted.digest)

    def used(self) -> int:
        return self.in_use

    def get(self, number: int) -> TextModel:
        return self.models.get(number, f"d{number}")


def test_the_least_recently_used_leaves_when_the_budget_is_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    machine = Machine(40, 30, 20, 35, budget=100)
    for number in (1, 2, 3, 1):
        machine.get(number)
    assert (machine.models.versions, machine.models.memory) == ((1, 2, 3), 90 * MIB)
    machine.get(4)
    assert machine.models.versions == (1, 3, 4), "2 was used last longest ago"
    assert machine.models.left == 1
    assert "tone@2 (30 MiB) left the memory for tone@4; 1 left so far" in caplog.text


def test_the_memory_of_the_library_is_no_version_s() -> None:
    machine = Machine(40, budget=60, library=500)
    machine.get(1)
    assert machine.models.memory == 40 * MIB


def test_a_version_that_exceeds_the_budget_alone_is_refused_once_and_the_others_go_on() -> None:
    machine = Machine(40, 120, budget=100)
    first = machine.get(1)
    for _ in range(3):
        with pytest.raises(TooLargeError, match=r"tone@2 takes 120 MiB, more than the 100 .*MIB"):
            machine.get(2)
    assert machine.loads.count("d2") == 1
    assert machine.get(1) is first, "it did not have to leave for it"


def test_a_version_whose_size_is_known_drives_out_others_before_it_comes_in() -> None:
    machine = Machine(60, 60, budget=100)
    machine.get(1)
    machine.get(2)
    seen: list[tuple[int, ...]] = []
    load = machine.load
    machine.models._load = lambda wanted: (seen.append(machine.models.versions), load(wanted))[1]
    machine.get(1)
    assert seen == [()], "never both at once, where that is known"
    assert machine.models.memory == 60 * MIB


def test_a_second_load_that_finds_memory_lying_about_counts_as_the_first() -> None:
    machine = Machine(60, 60, budget=100)
    machine.get(1)
    machine.get(2)
    machine.sizes["d1"] = 0  # its pages are still there
    machine.get(1)
    assert machine.models.memory == 60 * MIB


def test_weights_are_the_least_that_a_version_takes() -> None:
    machine = Machine(0, budget=100)
    model = HashModel("d1")
    model.weight_bytes = 7 * MIB
    machine.models._load = lambda wanted: model
    machine.get(1)
    assert machine.models.memory == 7 * MIB


def started(machine: Machine) -> list[NothingLoadedError]:
    """A worker with these models, which loads what is routed: odd keys."""
    given_up: list[NothingLoadedError] = []
    world = World(registry=machine.registry, models=machine.models, on_useless=given_up.append)
    world.worker.start()
    until(lambda: given_up or not machine.models.lack.loading)
    world.worker.finish()
    return given_up


def test_at_the_start_no_routed_version_drives_out_another() -> None:
    machine = Machine(40, 0, 30, 0, 40, 0, 10, 0, 5, budget=100)
    started(machine)
    assert machine.models.left == 0
    assert machine.models.versions == (1, 3, 7, 9)
    assert machine.models.lack == Lack(), "one without room is not missing"


def test_a_worker_whose_budget_holds_no_routed_version_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given_up = started(Machine(40, 0, 30, 0, 40, budget=20))
    assert given_up
    assert "takes 40 MiB, more than the 20 that all models may take" in caplog.text


def test_without_a_budget_only_the_number_counts() -> None:
    registry = FakeRegistry(version(1, "d1"), version(2, "d2"), version(3, "d3"))
    models = LoadedModels(registry, lambda wanted: HashModel(wanted.digest), capacity=2)
    for number in (1, 2, 3):
        models.get(number, f"d{number}")
    assert models.versions == (2, 3)
    with pytest.raises(ArtifactError):
        models.get(9, "d9")


@given(
    st.integers(1, 4),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), max_size=60),
)
def test_a_shelf_never_holds_more_than_it_may(
    capacity: int, budget: int, events: list[tuple[int, int]]
) -> None:
    shelf, order = Shelf(capacity, budget), list[int]()
    for number, size in events:
        if not shelf.fits(size):
            continue
        if shelf.take(number, "d") is None:
            kept = Kept(version_id=number, digest="d", name="", size=size, model=HashModel())
            left = [one.version_id for one in shelf.put(kept)]
            assert left == order[: len(left)], "oldest first"
        else:
            left = []
        order = [n for n in order if n not in left and n != number] + [number]
        assert shelf.versions == tuple(sorted(order))
        assert shelf.size <= budget
        assert len(shelf.versions) <= capacity


_HELD = """
from workers.model_memory import resident
before = resident()
held = [bytes(1000) for _ in range(50_000)]
grown = resident() - before
del held
print(grown, resident() - before)
"""


def test_memory_given_back_is_not_counted() -> None:
    """In a process of its own: one that has lived has room that need not grow."""
    ran = subprocess.run([sys.executable, "-c", _HELD], capture_output=True, check=True, text=True)
    grown, left = map(int, ran.stdout.split())
    assert grown > 40 * MIB
    assert left < grown / 2
