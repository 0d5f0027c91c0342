"""What the benchmarks of compressed versions say: aims build by build, ways against each other."""

import pytest

from benchmarks import compression, served
from models import artifact
from schemas.errors import UsageError
from workers import starters

FAST = {"ratio": 4.0, "size_ratio": 0.5, "loss": 0.1}
SMALL = {"ratio": 1.2, "size_ratio": 0.25, "loss": 0.0}


def _found(**builds: dict[str, float]) -> dict[str, object]:
    named = {name.replace("_", "-"): row for name, row in builds.items()}
    return {"encoder": "textcnn", "builds": named}


def test_aims_are_for_one_build_and_not_for_the_best_of_several() -> None:
    said = compression.misses("toy", _found(fast_int8=FAST, small_int8=SMALL))
    assert said == [
        "toy, fast-int8: 0.50 of the size, not 0.3",
        "toy, small-int8: 1.20 times as fast, not 3.0",
    ]
    both = FAST | {"size_ratio": 0.27}
    assert not compression.misses("toy", _found(fast_int8=FAST, both_int8=both))
    lossy = both | {"loss": 0.6}
    assert "0.60 points lost" in compression.misses("toy", _found(lossy_int8=lossy))[0]
    assert compression.misses("toy", _found(litert_float16=both)) == ["toy: no int8 build"]


def test_each_way_is_compared_with_those_before_it() -> None:
    found = served.compared(
        {
            "keras": {"texts_per_s": 100.0, "labels": {0: "a", 1: "b"}},
            "float32": {"texts_per_s": 150.0, "labels": {0: "a", 1: "b"}},
            "builds": {"texts_per_s": 300.0, "labels": {0: "a", 1: "a"}},
        }
    )
    assert found["keras"]["ratio_to"] == {}
    assert found["builds"]["ratio_to"] == {"keras": 3.0, "float32": 2.0}
    assert found["builds"]["agreement"] == 0.5
    assert "labels" not in found["builds"]


def test_a_version_with_builds_is_served_in_three_ways_and_one_without_in_none() -> None:
    starter = next(one for one in starters.directories() if one.name == "sentiment-en")
    with served.ways(starter) as given:
        digests = {artifact.digest(artifact.verify(one)) for one in given.values()}
        assert [*given] == ["keras", "float32", "builds"]
        assert len(digests) == 3, "three versions to the registry"
        assert given["builds"] == starter
        assert not artifact.verify(given["float32"]).builds
    assert not any(one.exists() for name, one in given.items() if name != "builds")
    plain = next(one for one in starters.directories() if one.name == "summary-en")
    with pytest.raises(UsageError, match="no builds"), served.ways(plain):
        pass
