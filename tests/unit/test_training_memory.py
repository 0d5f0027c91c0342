"""A training's memory does not grow with its files."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from models.training import batches
from models.training.batches import Encoded
from models.training.spool import Spool

LINE = b'{"text": "%s", "label": "x"}\n{"text": "%s", "label": "y"}\n'
PAIR = LINE % (b"a long text about this and that " * 90, b"another of the same kind, longer " * 90)
STEADY = {"MALLOC_ARENA_MAX": "1", "TOKENIZERS_PARALLELISM": "false"}
"""What each thread keeps for itself depends on how busy the machine is."""
READ = """
import sys
from pathlib import Path
import numpy as np
from models.encoders.textcnn import TextCNNConfig
from models.training import batches
from models.training.config import Config
from models.training.courses.classifying import Classifying
from models.training.courses.course import Sources

for train in sys.argv[2:]:
    sources = Sources(train=(Path(train),), dev=(Path(sys.argv[1]),), lang="en")
    course = Classifying(sources, Config(encoder=TextCNNConfig(length=2000)))
    for indices in batches.shuffled(course.train, 8, np.random.default_rng(1)):
        pass
    print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_memory_does_not_grow_with_the_training_file(tmp_path: Path) -> None:
    """Beyond a small file's peak, a large one needs less than half of its size.

    About a quarter is what allocators keep; the texts held would be the whole of it and more.
    """
    sizes = {"dev": 1, "small": 150, "large": 2500}
    paths = {name: tmp_path / f"{name}.jsonl.gz" for name in sizes}
    for name, pairs in sizes.items():
        paths[name].write_bytes(gzip.compress(PAIR * pairs, 1))
    command = [sys.executable, "-c", READ, *paths.values()]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=250, env=os.environ | STEADY
    )
    small, large = map(int, done.stdout.split())
    assert large - small < (sizes["large"] * len(PAIR) / 1024) / 2


def test_a_spool_gives_back_what_went_in(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for columns in ((), (3,)):
        arrays = [
            random.integers(9, size=(int(random.integers(1, 40)), *columns), dtype=np.int32)
            for _ in range(50)
        ]
        spool = Spool(iter(arrays), tmp_path)
        assert spool.lengths.tolist() == [len(one) for one in arrays]
        assert all((one == spool[at]).all() for at, one in enumerate(arrays))
        assert (spool[-1] == arrays[-1]).all()
        assert len(spool[10:12]) == 2
        kept = Encoded(arrays, np.zeros(50, dtype=np.int32))
        for one, other in zip(
            batches.by_length(kept, 8), batches.by_length(kept._replace(ids=spool), 8), strict=True
        ):
            assert (one.ids == other.ids).all()
    assert list(tmp_path.iterdir()) == []
