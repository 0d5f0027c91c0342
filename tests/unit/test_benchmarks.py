"""The pure parts of the benchmarks: what is reckoned from times, labels, samples and texts."""

import gzip
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from benchmarks import answers, growth, open_loop, profile, report, scaling, texts
from benchmarks.answers import Row
from benchmarks.peers import PEERS, missing
from benchmarks.processes import Use, cpu_between
from schemas.errors import DataError
from workers.null_model import cost_of


def test_a_speed_leaves_out_the_first_tenth_and_what_came_with_it() -> None:
    times = [0.0, *(10.0 + n / 10 for n in range(100))]
    found = answers.speed(times)
    assert found is not None
    assert (found.begin, found.end) == (times[10], times[-1])
    assert found.texts_per_s == pytest.approx(10.0)
    bursts = [0.0] * 5 + [1.0] * 5 + [2.0] * 10
    whole = answers.speed(bursts)
    assert whole is not None
    assert whole.texts_per_s == pytest.approx(15 / 2)


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 1.0, 1.0]])
def test_rows_of_one_moment_have_no_speed(times: list[float]) -> None:
    assert answers.speed(times) is None


def test_only_texts_that_both_answered_can_be_mismatches() -> None:
    labels = {
        "judge": {0: "a", 1: "b"},
        "same": {0: "a", 1: "b", 2: "c"},
        "other": {0: "b", 1: "b"},
    }
    assert answers.mismatches(labels, "judge") == {"same": 0, "other": 1}


def test_padding_is_reckoned_batch_by_batch_with_the_workers_own_shapes() -> None:
    rows = [
        Row(n, "a", 0.0, batch, tokens)
        for n, (batch, tokens) in enumerate(
            [("one", 8), ("one", 8), *[("two", 12)] * 3, ("two", 900)]
        )
    ]
    # arrays: 2 x 8, 3 x 16, 1 x 200
    assert answers.padding_efficiency(rows, 200) == round((16 + 36 + 200) / (16 + 48 + 200), 3)
    assert answers.padding_efficiency([], 200) is None


def test_processor_time_between_two_moments_is_straight_between_notes() -> None:
    uses = [Use(10.0, 1.0, 5), Use(12.0, 3.0, 5), Use(13.0, 3.0, 5)]
    assert cpu_between(uses, 11.0, 12.5) == pytest.approx(1.0)
    assert cpu_between(uses, 0.0, 99.0) == pytest.approx(2.0)


def test_arrivals_are_poisson_at_the_rate() -> None:
    moments = list(open_loop.until(open_loop.arrivals(100.0), 200.0))
    gaps = [b - a for a, b in pairwise(moments)]
    assert len(moments) == pytest.approx(20_000, rel=0.03)
    assert sum(gap > 0.02 for gap in gaps) / len(gaps) == pytest.approx(0.1353, abs=0.01)  # e^-2


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)]
)
def test_a_percentile_is_a_value_that_occurred(share: float, wanted: float) -> None:
    assert open_loop.percentile(list(range(100, 0, -1)), share) == wanted
    assert open_loop.percentile([], share) is None


def test_latency_begins_when_a_job_was_due() -> None:
    assert open_loop.latencies_ms({0: 5.0, 1: 6.0, 2: 7.0}, {0: 5.25, 2: 7.5}) == [250.0, 500.0]


def test_samples_are_booked_on_our_innermost_module() -> None:
    stacks = (
        "run (uvloop/loop.pyx);poll (/srv/textmill/workers/log/kafka.py:12);read (kafka/x.py:3) 6\n"
        "main (workers/cli/running.py:9);encode (schemas/wire.py:4) 3\n"
        "thread (0x7f);wait (threading.py:99) 1\n"
    )
    assert profile.shares(stacks) == {
        "workers/log/kafka": 0.6,
        "schemas/wire": 0.3,
        profile.OTHER: 0.1,
    }
    assert profile.shares("") == {}


def test_tenths_are_the_speeds_between_rows() -> None:
    slower = [n / 100 for n in range(50)] + [0.5 + n / 50 for n in range(50)]
    speeds = growth.tenths(slower)
    assert len(speeds) == 10
    assert speeds[1] == pytest.approx(100)
    assert speeds[-1] == pytest.approx(50)
    assert growth.tenths([1.0] * 40) == []
    assert growth.steps(50_000) == [1000, 10_000, 50_000]


def test_memory_is_compared_once_it_is_warm() -> None:
    uses = [Use(100.0 + n, 0.0, size) for n, size in ((0, 5), (20, 80), (40, 90), (60, 99))]
    assert growth.memory(uses, 130.0) == {"warm": 90, "last": 99, "most": 99, "last_of_warm": 1.1}


def test_a_simulated_device_is_as_fast_as_asked() -> None:
    cost = cost_of(scaling.device_of(300.0))
    assert cost.call_s == pytest.approx(scaling.CALL_MS / 1000)
    assert 0 < cost.token_s < 1 / 300 / 20


def test_the_mix_has_the_lengths_that_it_claims() -> None:
    sizes = sorted(text.count(" ") + 1 for text in texts.mix(5000))
    assert 8 <= sizes[2500] <= 11
    assert 50 <= sizes[4500] <= 70
    assert sizes[-1] <= 142
    assert len(set(texts.mix(5000))) > 4990


def test_documents_come_again_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode({"text": t, "x": 1}) + b"\n" for t in "abc"))
    assert texts.documents(path, 5) == ["a", "b", "c", "a", "b"]
    assert texts.documents(path, 2) == ["a", "b"]
    packed = tmp_path / "texts.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert texts.documents(packed, 2) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "holds no text"), (b'{"text": "a"}\n{"test": 1}\n', "line 2"), (None, "Cannot read")],
)
def test_a_file_that_holds_no_texts_is_told(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "texts.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        texts.documents(path, 5)


def test_a_peer_without_its_package_is_told_by_name() -> None:
    none = msgspec.structs.replace(PEERS[0], needs=("no_such_package_here", "msgspec"))
    reason = missing(none, sys.executable)
    assert reason is not None
    assert reason.startswith("no_such_package_here not installed: run `make bench-peers`")
    assert missing(PEERS[0], sys.executable) is None


def test_results_are_shown_flat_without_lists() -> None:
    found = {"a": {"b": 1234, "c": None}, "d": [1, 2], "e": 0.12345}
    assert report.flat(found) == {"a.b": 1234, "a.c": None, "e": 0.12345}
    assert [report.shown(value) for value in (1234, None, 0.12345, 12345.6)] == [
        "1,234",
        "–",
        "0.123",
        "12,346",
    ]
    assert report.shown(True) == "yes"
    assert report.ratio(1.0, None) is None
    assert report.ratio(1.0, 3.0) == 0.333


def test_every_peer_has_its_module() -> None:
    folder = Path(answers.__file__).parent / "peers"
    assert all((folder / f"{peer.name}.py").exists() for peer in PEERS)
