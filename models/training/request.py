"""What `textmill train` is asked for, in one value that can be sent to another process as JSON."""

from pathlib import Path

import msgspec

from models import artifact
from models.training.config import Config
from models.training.reading.corpus import Reading
from schemas.errors import DataError
from schemas.model_version import Language
from schemas.task import Task


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be trained, on what, and where it goes."""

    name: str
    task: Task
    lang: Language
    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    test: tuple[Path, ...] = ()
    """Scored at the end, never looked at before; empty for no test scores."""
    raw: tuple[Path, ...] = ()
    """Unlabelled texts that give the first vectors."""
    vectors: Path | None = None
    """Word vectors to start from, as text; None for none."""
    lexicon: Path | None = None
    """Dictionary for the features that look words up; None for none."""
    init_from: Path | None = None
    """Version directory whose tokenizer and encoder the training starts from; None for nothing."""
    config: Config
    out: Path
    resume: bool = False
    reading: Reading = Reading()

    @property
    def files(self) -> dict[str, Path]:
        """Every file whose contents decide the training, by the part it plays."""
        several = {"train": self.train, "dev": self.dev, "raw": self.raw}
        files = {
            f"--{part} {number}": path
            for part, paths in several.items()
            for number, path in enumerate(paths, start=1)
        }
        manifest = None if self.init_from is None else self.init_from / artifact.MANIFEST
        single = {"vectors": self.vectors, "lexicon": self.lexicon, "init-from": manifest}
        return files | {f"--{part}": path for part, path in single.items() if path is not None}

    def as_json(self) -> bytes:
        """Return it encoded; `read` gives it back, to leave bad lines out without a word."""
        return msgspec.json.encode(self, enc_hook=_encoded)


def read(encoded: bytes) -> Request:
    """Return the request that was encoded."""
    return msgspec.json.decode(encoded, type=Request, dec_hook=_decoded)


def _encoded(value: object) -> str:
    return str(value) if isinstance(value, Path) else ""


def _decoded(kind: type, value: str) -> object:
    return Path(value) if kind is Path else _pass_over


def _pass_over(error: DataError) -> None:
    """The first process tells the person."""
