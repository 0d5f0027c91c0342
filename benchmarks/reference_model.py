"""The model that is measured: the default TextCNN (128-d, filters 3/4/5 x 128, length 200).

    python -m benchmarks.reference_model DIRECTORY

Its weights are random, since speed does not depend on them; its tokenizer is the English starter's.
A starter is smaller than this and would make the log and the database look slow beside it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from models import artifact, catalog
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.text.tokenizer import Tokenizer
from schemas.model_version import Manifest
from workers import starters

NAME = "benchmark"


def make(directory: Path) -> None:
    """Write the version to `directory`, which must not exist."""
    starter = next(path for path in starters.directories() if path.name == "sentiment-en")
    tokenizer = Tokenizer.load(starter / artifact.TOKENIZER)
    known = artifact.read_manifest(starter)
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size,
        classes=len(known.labels),
        encoder=TextCNNConfig(),
        head=ClassificationConfig(),
    )
    manifest = Manifest(
        name=NAME,
        task=known.task,
        languages=known.languages,
        labels=known.labels,
        max_length=architecture.encoder.length,
        architecture=architecture.as_manifest(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
    )
    with TemporaryDirectory() as workspace:
        files = {name: Path(workspace) / name for name in artifact.MEMBERS}
        tokenizer.save(files[artifact.TOKENIZER])
        catalog.build(architecture).save(files[artifact.WEIGHTS])
        files[artifact.CARD].write_text("Random weights, for benchmarks only.\n")
        artifact.save(directory, manifest, files)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
