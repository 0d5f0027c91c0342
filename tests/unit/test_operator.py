"""What an operator's commands do, over SQLite: with workers that live, and without any."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.groups import EVERYTHING
from schemas.settings import Settings
from schemas.task import Task
from tests.contracts.store_world import manifest
from workers.assembly import Store
from workers.desired import Here, Replica, Route
from workers.ports import ModelVersion
from workers.rollout.operator import Operator
from workers.rollout.scope import Scope
from workers.rollout.steps import Step
from workers.rollout.upkeep import Upkeep


class Desk:
    """A store with versions of a model, and an operator in front of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told = 0
        self.operator = Operator(store.registry, store.rollouts, actor="ada", tell=self.tell)
        self.versions = [self.register(number) for number in (1, 2, 3)]
        for lang in ("zh", "en"):
            store.registry.route(Task.SENTIMENT, lang, self.versions[0])

    def tell(self) -> None:
        self.told += 1

    def register(self, number: int, **fields: Any) -> ModelVersion:
        path = Path(f"/m/{number}")
        return self.store.registry.register(manifest(**fields), f"{number:064x}", path)

    def beat(self, *versions: int, failed: int = 0, reason: str = "damaged") -> None:
        """Let a worker say that it lives and has these versions."""
        here = Here(
            worker_id="w1",
            device="cpu",
            serves=EVERYTHING,
            memory_limit=0,
            memory_bytes=0,
            heartbeat_at=0,
        )
        ready = [self.replica(number, "READY", "") for number in versions]
        broken = [self.replica(failed, "FAILED", reason)] if failed else []
        self.store.rollouts.beat(here, ready + broken)

    def replica(self, number: int, state: Any, reason: str) -> Replica:
        version_id = self.versions[number - 1].version_id
        return Replica(worker_id="w1", version_id=version_id, state=state, reason=reason)

    def routes(self) -> dict[str, Route]:
        return {f"{one.key.lang}{one.key.tenant}": one for one in self.store.rollouts.table()}

    def live(self) -> dict[str, int]:
        return {name: route.live.version for name, route in self.routes().items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store(Settings(data_dir=tmp_path)) as store:
        yield Desk(store)


def states(steps: list[Step]) -> list[str]:
    return [step.state for step in steps]


def test_without_workers_a_version_is_live_at_once_and_that_is_said(desk: Desk) -> None:
    steps = desk.operator.activate("mood@2")
    assert states(steps) == ["DONE", "DONE"]
    assert {step.reason for step in steps} == {"no worker runs; the next one that starts loads it"}
    assert desk.live() == {"en": 2, "zh": 2}
    assert desk.told == 1


def test_with_a_worker_it_waits_until_that_has_it(desk: Desk) -> None:
    desk.beat(1)
    steps = desk.operator.activate("mood@2")
    assert states(steps) == ["PENDING", "PENDING"]
    assert desk.live() == {"en": 1, "zh": 1}
    assert [step.deployment for step in desk.operator.activate("mood@2")] == [
        step.deployment for step in steps
    ]
    shown: list[str] = []

    def sleep(_: float) -> None:
        desk.beat(1, 2)

    found = desk.operator.wait(steps, lambda now: shown.extend(one.reason for one in now), sleep)
    assert states(found) == ["DONE", "DONE"]
    assert desk.live() == {"en": 2, "zh": 2}
    assert states(desk.operator.activate("mood@2")) == ["DONE", "DONE"], "again: it is so already"


def test_a_failed_load_leaves_the_old_one_and_says_why(desk: Desk) -> None:
    desk.beat(1)
    steps = desk.operator.activate("mood@2", Scope(lang="en"))
    found = desk.operator.wait(steps, sleep=lambda _: desk.beat(1, failed=2))
    assert [(one.state, one.reason) for one in found] == [("FAILED", "w1: damaged")]
    assert desk.live() == {"en": 1, "zh": 1}


def test_narrowed_to_a_language_or_a_tenant(desk: Desk) -> None:
    desk.operator.activate("mood@2", Scope(lang="zh"))
    desk.operator.activate("mood@3", Scope(lang="en", tenant="acme"))
    assert desk.live() == {"en": 1, "zh": 2, "enacme": 3}
    with pytest.raises(UsageError, match="mood@2 answers sentiment in zh, en alone"):
        desk.operator.activate("mood@2", Scope(task=Task.TAGGING))


def test_canary_promote_and_rollback(desk: Desk) -> None:
    desk.operator.canary("mood@2", 0.1, Scope(lang="en"))
    desk.operator.canary("mood@2", 0.3, Scope(lang="en"))
    assert desk.routes()["en"].canary_weight == 0.3
    desk.operator.promote("mood@2")
    assert desk.live() == {"en": 2, "zh": 1}
    assert desk.routes()["en"].canary is None
    desk.operator.rollback("mood@2")
    assert desk.live() == {"en": 1, "zh": 1}
    with pytest.raises(UsageError, match="nothing to take back"):
        desk.operator.rollback("mood@2")
    with pytest.raises(UsageError, match="nothing to take back"):
        desk.operator.rollback("mood")


def test_a_canary_is_what_a_rollback_takes_first(desk: Desk) -> None:
    desk.operator.activate("mood@2", Scope(lang="en"))
    desk.operator.canary("mood@3", 0.1, Scope(lang="en"))
    (step,) = desk.operator.rollback("mood", Scope(lang="en"))
    assert step.reason == "canary taken back"
    assert (desk.live()["en"], desk.routes()["en"].canary) == (2, None)
    assert states(desk.operator.canary("mood@3", 0, Scope(lang="en"))) == ["DONE"]


def test_a_deployment_under_way_is_taken_back(desk: Desk) -> None:
    desk.beat(1)
    desk.operator.activate("mood@2", Scope(lang="en"))
    (step,) = desk.operator.rollback("mood@2")
    assert step.reason == "activate is cancelled"
    assert desk.store.rollouts.snapshot().pending == []


def test_to_activate_what_is_live_ends_what_is_under_way(desk: Desk) -> None:
    desk.beat(1)
    (step,) = desk.operator.activate("mood@2", Scope(lang="en"))
    desk.operator.activate("mood@1", Scope(lang="en"))
    (found,) = desk.operator.wait([step])
    assert (found.state, found.reason) == ("CANCELLED", "mood@1 stays")


def test_a_canary_that_is_on_its_way_is_taken_back_by_a_weight_of_nothing(desk: Desk) -> None:
    desk.beat(1)
    desk.operator.canary("mood@2", 0.1, Scope(lang="en"))
    (step,) = desk.operator.canary("mood@2", 0, Scope(lang="en"))
    assert step.reason == "canary cancelled"
    assert desk.store.rollouts.snapshot().pending == []


def test_to_activate_what_is_live_ends_another_that_would_take_its_place(desk: Desk) -> None:
    desk.beat(1)
    (step,) = desk.operator.activate("mood@2", Scope(lang="en"), mode="resource")
    desk.operator.activate("mood@1", Scope(lang="en"))
    (found,) = desk.operator.wait([step])
    assert (found.state, desk.live()["en"]) == ("CANCELLED", 1)


def test_a_shadow_changes_no_answer(desk: Desk) -> None:
    desk.operator.shadow("mood@3", 0.5, Scope(lang="en"))
    route = desk.routes()["en"]
    assert (route.live.version, route.shadow_sample) == (1, 0.5)
    desk.operator.shadow("mood@3", 0, Scope(lang="en"))
    assert desk.routes()["en"].shadow is None


def test_one_that_lacks_labels_is_refused_unless_forced(desk: Desk) -> None:
    fewer = manifest(name="mood")
    poor = desk.store.registry.register(
        type(fewer)(
            **{name: getattr(fewer, name) for name in fewer.__struct_fields__}
            | {"labels": ("positive",)}
        ),
        f"{9:064x}",
        Path("/m/9"),
    )
    for act in (desk.operator.activate, lambda one: desk.operator.canary(one, 0.1)):
        with pytest.raises(UsageError, match="lacks the labels negative, which mood@1 gives"):
            act(f"mood@{poor.version}")
    assert desk.live() == {"en": 1, "zh": 1}
    desk.operator.activate(f"mood@{poor.version}", force=True)
    asked = [one for one in desk.store.rollouts.history("mood", 50) if one.reason == "requested"]
    assert "lacks the labels negative" in asked[0].evidence["forced"]


@pytest.mark.parametrize(
    ("command", "arguments", "why"),
    [
        ("activate", ("mood@9",), "no model mood@9 is registered"),
        ("activate", ("mood",), "several versions: say which"),
        ("activate", ("@",), "is no model"),
        ("canary", ("mood@1", 0.5), "is live for sentiment/"),
        ("promote", ("mood@2",), "is a canary nowhere"),
        ("pin", ("mood@2",), "is live nowhere"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    desk: Desk, command: str, arguments: tuple[Any, ...], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        getattr(desk.operator, command)(*arguments)


def test_pins(desk: Desk) -> None:
    assert [step.reason for step in desk.operator.pin("mood")] == ["", ""]
    assert [step.reason for step in desk.operator.pin("mood@1")] == ["it was so already"] * 2
    assert all(route.pinned for route in desk.routes().values())
    desk.operator.pin("mood", pinned=False)
    assert not any(route.pinned for route in desk.routes().values())


def test_names_of_ones_own(desk: Desk) -> None:
    upkeep = Upkeep(desk.store.registry, desk.store.rollouts, actor="ada")
    assert upkeep.name("mood@2", "stable")
    assert not upkeep.name("mood@2", "stable")
    for wrong in ("live", "canary", "Stable", "3", "", "a b"):
        with pytest.raises(UsageError, match="is no alias"):
            upkeep.name("mood@2", wrong)
    with pytest.raises(UsageError, match="alias mood@stable"):
        upkeep.retire("mood@2")
    assert upkeep.drop("mood", "stable")
    assert upkeep.retire("mood@2")
    upkeep.remove("mood@3")
    assert [v.version for v in desk.store.registry.versions()] == [1, 2]
