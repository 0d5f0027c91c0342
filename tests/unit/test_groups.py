"""Model groups: who serves what, and that no batch goes to anybody else."""

import msgspec
import pytest

from schemas.batch import WorkerState, decode_state, encode
from schemas.errors import SettingsError, UsageError
from schemas.groups import EVERYTHING, Share, parse, share_of
from tests.unit.examples import delivery, version, worker
from tests.unit.story import PATIENCE_S, Story
from tests.unit.worker_fakes import FakeRegistry, HashModel
from tests.unit.worker_world import World
from workers.core.batcher import Batcher
from workers.core.cost import Cost
from workers.core.costs import Price
from workers.core.flight import Flight
from workers.core.flights import CREDITS
from workers.core.formed import Limits, Place
from workers.report import LONELY_S, Report

GROUPS = parse("heavy = summary-zh, summary-en ; titles=topic-zh,summary-en")
HEAVY, REST = share_of(GROUPS, "heavy"), share_of(GROUPS, "")
HEAVY_ONE, LIGHT_ONE = version(1, name="summary-zh"), version(2, name="mood")


def of(name: str, share: Share, running: str | None = None) -> WorkerState:
    return msgspec.structs.replace(worker(name, running), serves=share)


class Groups(Story):
    """A story whose workers keep to their groups."""

    def __init__(self, **shares: Share) -> None:
        self.shares = shares
        super().__init__(*shares)
        self.claim()

    def look(self) -> None:
        states = [of(n, self.shares[n], state.running) for n, state in self.workers.items()]
        self.scheduler.see(states, self.now)

    def send(self) -> list[Flight]:
        flights = super().send()
        for flight in flights:
            for each in flight.deliveries:
                assert each.version.name in self.shares[flight.worker_id]
        return flights


def test_a_group_has_its_models_and_the_others_have_the_rest() -> None:
    assert GROUPS == {"heavy": ("summary-zh", "summary-en"), "titles": ("topic-zh", "summary-en")}
    assert "summary-zh" in HEAVY
    assert "mood" not in HEAVY
    assert "mood" in REST
    assert not any(model in REST for model in ("summary-zh", "summary-en", "topic-zh"))
    assert parse("") == {}
    assert share_of({}, "") == EVERYTHING
    assert "anything" in EVERYTHING


@pytest.mark.parametrize(
    "text", ["heavy", "heavy=", "=a", "heavy=a,,b", "a=b;a=c", "Heavy=a", "a=b c", "a=b=c"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="NAME=MODEL"):
        parse(text)


def test_an_unknown_group_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no model group `fast` .*: heavy, titles\."):
        share_of(GROUPS, "fast")
    with pytest.raises(UsageError, match="there is none"):
        share_of({}, "fast")


def test_a_worker_of_an_earlier_release_serves_everything() -> None:
    state = msgspec.to_builtins(of("w1", HEAVY))
    assert decode_state(encode(state)).serves == HEAVY
    del state["serves"]
    assert decode_state(encode(state)).serves == EVERYTHING


def test_each_version_goes_to_its_own_workers_alone() -> None:
    story = Groups(a=REST, b=HEAVY, c=REST)
    story.arrive(*(delivery(n, of=HEAVY_ONE if n % 2 else LIGHT_ONE) for n in range(8)))
    sent = {flight.worker_id: flight for flight in story.send()}
    assert [each.item.offset % 2 for each in sent["b"].deliveries] == [1] * 4
    assert sum(len(f.deliveries) for name, f in sent.items() if name != "b") == 4


def test_a_version_whose_workers_are_full_waits_while_others_go_on() -> None:
    story = Groups(a=REST, b=HEAVY)
    for n in range(CREDITS):
        story.arrive(delivery(n, of=HEAVY_ONE))
        story.now += 1
        assert [flight.worker_id for flight in story.send()] == ["b"]
    story.arrive(delivery(8, of=HEAVY_ONE), delivery(9, of=LIGHT_ONE))
    story.now += 1
    assert [flight.worker_id for flight in story.send()] == ["a"]


def test_a_version_that_nobody_serves_waits_until_somebody_comes() -> None:
    story = Groups(a=REST)
    story.arrive(delivery(0, of=HEAVY_ONE), delivery(1, of=LIGHT_ONE))
    (sent,) = story.send()
    assert sent.deliveries[0].version == LIGHT_ONE
    assert story.scheduler.unserved() == ["summary-zh"]
    story.shares["b"], story.workers["b"] = HEAVY, worker("b")
    story.look()
    assert [flight.worker_id for flight in story.send()] == ["b"]
    assert story.scheduler.unserved() == []


def test_what_one_group_must_do_in_time_is_not_forgotten_over_another() -> None:
    batcher = Batcher(Limits())
    price = Price(Cost(0.5, 0.0), 10_000)
    heavy, rest = (
        Place(idle=False, prices=lambda version_id: price, serves=share) for share in (HEAVY, REST)
    )
    batcher.add(delivery(0, of=HEAVY_ONE, deadline=10.0, due_at=60.0))
    batcher.add(delivery(1, of=LIGHT_ONE, due_at=60.0))
    assert batcher.next_batch(0.0, heavy) is None
    due_at = batcher.due_at()
    assert due_at is not None
    assert due_at < 9.6, "half a second of computing before the deadline"
    assert batcher.next_batch(0.0, rest) is None
    assert batcher.due_at() == due_at
    assert batcher.next_batch(due_at + 0.001, rest) is None
    formed = batcher.next_batch(due_at + 0.001, heavy)
    assert formed is not None
    assert [each.version for each in formed.deliveries] == [HEAVY_ONE]


def test_a_suspect_batch_is_tried_by_a_worker_of_its_group() -> None:
    story = Groups(a=REST, b=HEAVY, c=HEAVY)
    story.arrive(delivery(0, of=HEAVY_ONE))
    (sent,) = story.send()
    assert sent.worker_id in "bc"
    story.look()
    del story.workers[sent.worker_id]
    story.now += PATIENCE_S + 1
    story.look()
    story.arrive(delivery(1, of=LIGHT_ONE))
    again = {flight.worker_id: flight for flight in story.send()}
    assert set(again) == {"a", "bc".replace(sent.worker_id, "")}
    assert [flight.isolated for flight in again.values()] == [
        flight.deliveries[0].version == HEAVY_ONE for flight in again.values()
    ]


def test_suspects_whose_group_is_gone_hold_up_no_others() -> None:
    story = Groups(a=REST, b=HEAVY, c=REST)
    story.arrive(delivery(0, of=HEAVY_ONE), delivery(1, of=LIGHT_ONE))
    flights = story.send()
    assert len(flights) == 2
    story.look()
    for flight in flights:
        del story.workers[flight.worker_id]
    story.now += PATIENCE_S + 1
    story.look()
    (alone,) = story.send()
    assert (alone.isolated, alone.deliveries[0].version) == (True, LIGHT_ONE)
    assert story.scheduler.unserved() == ["summary-zh"]


def test_a_version_without_workers_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    report = Report(0.0)
    for now in range(40):
        report.look_for_servers(["summary-zh"] if now < 30 else [], float(now))
    assert caplog.text.count("jobs for summary-zh wait and no worker serves it") == 1
    assert caplog.text.count("jobs for summary-zh are served again") == 1
    report.look_for_servers(["mood"], 50.0)
    report.look_for_servers(["mood"], 50.0 + LONELY_S)
    assert "mood" not in caplog.text, "not before it has lasted"


def test_a_worker_loads_the_routed_versions_of_its_group_alone() -> None:
    registry = FakeRegistry(HEAVY_ONE, version(3))  # odd keys are routed
    for share, loaded in ((HEAVY, (1,)), (REST, (3,)), (EVERYTHING, (1, 3))):
        world = World(registry=registry, share=share)
        world.models = {one.digest: HashModel(one.digest) for one in registry.all}
        world.start()
        assert world.loaded.versions == loaded
        world.worker.finish()
