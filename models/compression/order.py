"""What a compression that learns is asked for."""

from pathlib import Path

import msgspec

from models import artifact
from models.training import workspace
from models.training.config import Config
from models.training.reading.corpus import Reading


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who teaches, on what, and where the child goes."""

    teachers: tuple[Path, ...]
    """Version directories; the first is the parent."""
    train: tuple[Path, ...]
    """Labelled texts."""
    dev: tuple[Path, ...] = ()
    """Labelled texts to score; none: a tenth of `train`."""
    raw: tuple[Path, ...] = ()
    """Unlabelled texts that the teachers answer."""
    variants: int = 0
    """Changed copies of each labelled text that the teachers answer too."""
    lexicon: Path | None = None
    """Dictionary for a student's features; None for none."""
    out: Path
    name: str = ""
    """Of the child; empty: its parent's."""
    now: str
    """RFC 3339, UTC."""
    resume: bool = False
    reading: Reading = Reading()

    @property
    def parent(self) -> Path:
        """The version that the child is compared with."""
        return self.teachers[0]

    def enter(self, config: Config, *further: object) -> Path:
        """Return the folder of this training, checked if it is resumed.

        Raises DataError where `out` exists, a file cannot be read or something else was begun.
        """
        columns = self.reading.text_column, self.reading.label_column
        facts = msgspec.json.encode([self.name, config, columns, self.variants, *further])
        return workspace.enter(self.out, facts, self._files, self.resume)

    @property
    def _files(self) -> dict[str, Path]:
        manifests = [one / artifact.MANIFEST for one in self.teachers]
        several = {"teacher": manifests, "data": self.train, "dev": self.dev, "raw": self.raw}
        files = {
            f"--{part} {number}": path
            for part, paths in several.items()
            for number, path in enumerate(paths, start=1)
        }
        return files if self.lexicon is None else files | {"--lexicon": self.lexicon}
