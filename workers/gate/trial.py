"""The process of the trial: loads a version, asks it, and writes a `Trial` as JSON.

    python -m workers.gate.trial DIRECTORY --memory-mib 4096 --report FILE

Started by `workers.gate.process`, with an environment that names a device and nothing else. What a
version's files do to this process, they do to it alone.
"""

import argparse
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import msgspec

from models import artifact
from schemas.errors import ArtifactError
from schemas.model_version import Manifest
from schemas.question import Question
from workers.gate import alone
from workers.gate.report import Check, Measured, Trial

LONG: Final = 4000
"""Characters of the texts that arrays are filled with; 512 tokens have fewer."""
SHAPES_S: Final = 8.0
"""Seconds that shapes are tried for, unless that leaves too few."""
BUILD_S: Final = 3.0
"""Seconds for the shapes of one build."""
_WORDS: Final = (
    "The train to Shanghai was late again, nobody knew why. ",
    "今天天气真好，我们去公园。",
)
"""What is asked beside a version's own texts."""


class Subject:
    """A version that is tried, one step after the other; each gives what was seen."""

    def __init__(self, directory: Path, network: str = "in this process") -> None:
        """`network`: what was done with it, for the report."""
        self._directory = directory
        self._network = network
        self.model: Any = None
        self.digest = ""
        self.measured: Measured | None = None
        self._gains: Any = None

    @property
    def steps(self) -> dict[str, Callable[[], str]]:
        """The checks by name, in their order."""
        return {
            "load": self._load,
            "finite": self._warm_up,
            "samples": self._ask_samples,
            "builds": self._try_builds,
            "shapes": self._try_shapes,
            "speed": self._measure,
        }

    def _load(self) -> str:
        from models import loading
        from workers.gate import weights

        manifest = artifact.verify(self._directory)
        for name in manifest.files:
            if name.endswith(".keras"):
                weights.check(self._directory / name)
        self.model = loading.load(self._directory)
        self.digest = artifact.digest(self.model.manifest)
        return f"{self.model.weight_bytes} bytes of weights, {self._network}"

    def _warm_up(self) -> str:
        from models.shapes import LENGTHS
        from workers.gate.shapes import grid

        longest = self.model.manifest.max_length
        lengths = sorted({length for length, _ in grid(longest)} & set(LENGTHS))
        self.model.warm_up((length, 1) for length in lengths)
        return f"lengths {lengths[0]} to {lengths[-1]}"

    def _ask_samples(self) -> str:
        if not self.model.manifest.samples:
            raise ArtifactError("the manifest has no samples: nothing says what it should answer")
        self.model.check_samples()
        return f"{len(self.model.manifest.samples)} answered as when it was made"

    def _try_builds(self) -> str:
        """Each build that a worker may choose is tried, as another one may choose otherwise."""
        from models import loading
        from models.compression import serving
        from models.gains import Gains
        from workers.gate.shapes import check

        manifest = self.model.manifest
        builds = [(one, name) for one in self.model.parts for name in serving.allowed(one)]
        for one, name in builds:
            build = serving.served(one, name)
            build.check_samples()
            check(build, _questions(manifest), one.manifest.max_length, BUILD_S)
        self._gains = Gains()
        self.model = loading.as_served(self.model, self._gains)
        names = [name for _, name in builds]
        agree = ": samples and shapes agree" if names else ""
        return f"{', '.join(names) or 'none'}{agree}; {self.model.build} is fastest here"

    def _try_shapes(self) -> str:
        from workers.gate.shapes import check

        parts, asked = self.model.parts, _questions(self.model.manifest)
        counts = [
            check(one, asked, one.manifest.max_length, SHAPES_S / len(parts)) for one in parts
        ]
        tried, known = (sum(one) for one in zip(*counts, strict=True))
        some = f"{tried} shapes" if tried == known else f"{tried} of {known} shapes, as it is slow,"
        return f"{some} agree with each text alone within {self.model.tolerance:g}"

    def _measure(self) -> str:
        from models import loading
        from workers.model_loading import TIMED, memory_used

        self.model.time(TIMED, within_s=1.0)
        before = memory_used()
        twin = loading.load(self._directory)
        twin = loading.as_served(twin, self._gains)
        twin.warm_up([TIMED[-1]])
        taken = max(memory_used() - before, twin.weight_bytes)
        timings, weight = tuple(self.model.timings), twin.weight_bytes
        self.measured = Measured(timings=timings, memory_bytes=taken, weight_bytes=weight)
        rows, length, seconds = self.model.timings[-1]
        return f"{rows / seconds:.0f} texts of {length} tokens a second, {taken / 2**20:.1f} MiB"


def tried(subject: Any) -> Trial:
    """Take the steps until one fails."""
    checks = []
    for name, step in subject.steps.items():
        checks.append(_checked(name, step))
        if not checks[-1].ok:
            break
    return Trial(checks=tuple(checks), digest=subject.digest, measured=subject.measured)


def _checked(name: str, step: Callable[[], str]) -> Check:
    began = perf_counter()
    try:
        seen, ok = step(), True
    except ArtifactError as error:
        seen, ok = str(error), False
    except MemoryError:
        seen, ok = "it needs more memory than a trial may take", False
    except Exception as error:  # TensorFlow's have no root; whatever it is, the version made it
        seen, ok = f"it breaks down: {type(error).__name__}", False
    return Check(name=name, ok=ok, reason=seen, seconds=round(perf_counter() - began, 3))


def _questions(manifest: Manifest) -> list[Question]:
    """Texts of all lengths, from the version's own words, for each of its tasks."""
    own = [*manifest.warm_up, *(sample.text for sample in manifest.samples), *_WORDS]
    text = " ".join(own) + " "
    text = (text * (LONG // len(text) + 1))[:LONG]
    ends = sorted({int(1.05**step) for step in range(200) if 1.05**step <= LONG})
    tasks = manifest.tasks if len(manifest.tasks) > 1 else (None,)
    return [Question(text[:end], (), task) for task in tasks for end in ends]


def main(arguments: Sequence[str] | None = None) -> None:
    """Try, and write what was found."""
    parser = argparse.ArgumentParser(prog="workers.gate.trial")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--memory-mib", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args(arguments)
    network = alone.cut_off()
    limit = given.memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from workers import model_loading  # noqa: F401  # TensorFlow, without its notes

    given.report.write_bytes(msgspec.json.encode(tried(Subject(given.directory, network))))


if __name__ == "__main__":
    main()
