"""Which version answers: the one that is named, else the routed one."""

import pytest

from schemas.errors import InvalidJobError
from schemas.job import Job
from schemas.task import Task
from tests.unit.examples import route, version
from workers.core.routing import Routing

OLD = version(1, version=1, state="retired")
LIVE = version(2, version=2, state="live")
NEW = version(3, version=3, state="registered")
TOPIC = version(4, name="topic", version=1, task=Task.CLASSIFICATION)
JOINT = version(8, name="joint", task=Task.TAGGING, further=(Task.SENTIMENT,))
DRAFTS = [version(n, name="draft", version=n, state="registered") for n in (7, 5)]
ROUTING = Routing([OLD, LIVE, NEW, TOPIC, JOINT, *DRAFTS], [route(LIVE)])


def asking(model: str | None = None, job_id: str = "j", tenant: str = "default") -> Job:
    """A job that names a model, or none."""
    return Job(job_id=job_id, text="good", model=model, tenant=tenant)


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (None, LIVE),
        ("mood", LIVE),
        ("mood@1", OLD),
        ("mood@3", NEW),
        ("draft", DRAFTS[0]),
        ("joint", JOINT),
    ],
)
def test_a_reference_means_one_version(reference: str | None, found: object) -> None:
    choice = ROUTING.resolve(Task.SENTIMENT, "en", asking(reference))
    assert choice.version is found
    assert choice.arm == ("live" if reference is None else "named")


@pytest.mark.parametrize(
    ("task", "language", "reference", "reason"),
    [
        (Task.SENTIMENT, "en", "mood@9", "unknown_model"),
        (Task.SENTIMENT, "en", "nobody", "unknown_model"),
        (Task.SENTIMENT, "en", "topic", "wrong_model"),
        (Task.CLASSIFICATION, "en", "joint", "wrong_model"),
        (Task.SENTIMENT, "zh", None, "no_model"),
        (Task.TAGGING, "en", None, "no_model"),
    ],
)
def test_a_wrong_reference_has_its_reason(task, language, reference, reason) -> None:
    with pytest.raises(InvalidJobError) as refusal:
        ROUTING.resolve(task, language, asking(reference))
    assert refusal.value.reason == reason


def test_a_name_means_the_newest_live_version() -> None:
    newer = version(5, version=5, state="live")
    for order in ([LIVE, newer, NEW], [newer, NEW, LIVE]):
        choice = Routing(order, []).resolve(Task.SENTIMENT, "en", asking("mood"))
        assert choice.version is newer


def arms(weight: float) -> list[str]:
    """Which arm each of 4,000 jobs falls to."""
    routing = Routing([LIVE, NEW], [route(LIVE, canary=NEW, canary_weight=weight)])
    jobs = [asking(job_id=f"job-{number}") for number in range(4000)]
    return [routing.resolve(Task.SENTIMENT, "en", job).arm for job in jobs]


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_a_canary_gets_its_share(weight: float) -> None:
    share = arms(weight).count("canary") / 4000
    assert abs(share - weight) < 0.03  # more than three standard deviations
    assert weight not in (0.0, 1.0) or share == weight


def test_a_job_stays_with_its_arm_also_when_the_share_grows() -> None:
    small, again, large = arms(0.2), arms(0.2), arms(0.4)
    assert small == again
    assert all(b == "canary" for a, b in zip(small, large, strict=True) if a == "canary")


def test_another_canary_gets_other_jobs() -> None:
    other = version(6, version=6)
    first, second = (
        Routing([LIVE, one], [route(LIVE, canary=one, canary_weight=0.5)]) for one in (NEW, other)
    )
    jobs = [asking(job_id=f"job-{number}") for number in range(200)]
    chosen = [
        [routing.resolve(Task.SENTIMENT, "en", job).arm for job in jobs]
        for routing in (first, second)
    ]
    assert chosen[0] != chosen[1]


def test_a_tenant_goes_by_its_own_route_where_it_has_one() -> None:
    routing = Routing([LIVE, NEW], [route(LIVE), route(NEW, tenant="acme"), route(LIVE, "zh")])
    found = {
        (tenant, lang): routing.resolve(Task.SENTIMENT, lang, asking(tenant=tenant)).version
        for tenant in ("acme", "default")
        for lang in ("en", "zh")
    }
    assert found == {
        ("acme", "en"): NEW,
        ("acme", "zh"): LIVE,
        ("default", "en"): LIVE,
        ("default", "zh"): LIVE,
    }


def test_aliases_are_own_names_or_what_routes_say() -> None:
    routes = [route(LIVE, canary=NEW, shadow=OLD), route(NEW, "zh")]
    routing = Routing([OLD, LIVE, NEW], routes, {("mood", "tried"): OLD.version_id})
    references = ("mood@tried", "mood@live", "mood@canary", "mood@shadow")
    found = [routing.resolve(Task.SENTIMENT, "en", asking(one)).version for one in references]
    assert found == [OLD, LIVE, NEW, OLD]
    assert routing.resolve(Task.SENTIMENT, "zh", asking("mood@live")).version is NEW
    for wrong in ("mood@nothing", "topic@canary"):
        with pytest.raises(InvalidJobError, match="is registered"):
            routing.resolve(Task.SENTIMENT, "en", asking(wrong))


def test_a_shadow_computes_a_share_of_what_is_routed() -> None:
    routing = Routing([LIVE, NEW], [route(LIVE, shadow=NEW, shadow_sample=0.3)])
    jobs = [asking(job_id=f"job-{number}") for number in range(4000)]
    computed = [routing.shadow(Task.SENTIMENT, "en", job) for job in jobs]
    assert abs(computed.count(NEW) / 4000 - 0.3) < 0.03
    assert routing.shadow(Task.SENTIMENT, "en", asking("mood@2")) is None
    assert routing.shadow(Task.TAGGING, "en", asking()) is None


def test_routings_are_equal_that_send_jobs_the_same_way() -> None:
    assert Routing([LIVE], [route(LIVE)]) == Routing([LIVE], [route(LIVE)])
    assert Routing([LIVE], [route(LIVE)]) != Routing([LIVE, NEW], [route(NEW)])
