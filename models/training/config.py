"""The recipe: every number that decides a training, in one TOML file.

A key this release does not know is refused, so that a typing error never trains the wrong model.
What is left out has the default below. A recipe, the data and the seed together give the version.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from models.catalog import EncoderConfig, PlainHeadConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.text.cleaning import ParsingConfig
from schemas.errors import SettingsError
from schemas.task import Task


class DataConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the texts come from, for the model card, and which labels are left out."""

    name: str = ""
    """Name of the corpus; empty: the training file's name."""
    licence: str = "unknown"
    source: str = "unknown"
    citation: str = ""
    caution: str = ""
    """What somebody must know before using a model trained on this."""
    raw: str = ""
    """Unlabelled texts that were counted for the first vectors, and their licences."""
    drop_labels: tuple[str, ...] = ()
    rename_labels: dict[str, str] = {}
    """Tagging: kinds that several corpora name differently, as `person = "PER"`."""


class TokenizerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    vocabulary: int = 8000
    """Most word pieces."""
    min_frequency: int = 2
    """A character or piece seen less often is unknown."""
    unit: Literal["subword", "character", "word"] | None = None
    """What is one token (`models.text.vocabulary`); None: sub-words. Tagging: what carries a tag,
    characters or words; None: characters in Chinese, words in English."""


class FitConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seed: int = 1
    epochs: int = 20
    """Most epochs; early stopping may end sooner."""
    batch_size: int = 64
    learning_rate: float = 1e-3
    """Highest rate; it falls to zero along a cosine."""
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    label_smoothing: float = 0.1
    """Classification only."""
    hide_tokens: float = 0.0
    """Share of tokens shown as unknown, drawn anew for every batch (word dropout)."""
    average: float = 0.998
    """Momentum of the weights' moving average, which is what is kept; 0 for none."""
    patience: int = 4
    """Epochs without a better dev accuracy before training stops."""
    report_every: int = 50
    """Most steps between two reports of loss and scores."""
    checkpoint_every: int = 500
    """Steps between two checkpoints; one is also written after every epoch."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """What the network computes in while it learns; its weights are float32 all the same."""


class DistilConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    teachers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Networks of this recipe, trained first with other seeds, whose mean belief is learnt beside
    the labels; 0 for none."""
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """Share of the teachers in the loss; the rest is the labels'."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: DataConfig = DataConfig()
    parsing: ParsingConfig = ParsingConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    encoder: EncoderConfig = TextCNNConfig()
    head: PlainHeadConfig = ClassificationConfig()
    fit: FitConfig = FitConfig()
    distil: DistilConfig = DistilConfig()
    storage: Literal["float32", "float16"] = "float16"
    """How weights are kept on disk; they are rounded to it before scores are taken, so loading
    gives exactly the weights that were scored."""


_DEFAULTS: Mapping[Task, Config] = {
    Task.TAGGING: Config(encoder=RecurrentConfig(), head=TaggingConfig()),
}
"""What is trained without a recipe; of tasks that are not here, `Config()`."""
_TASKS: Mapping[type, tuple[Task, ...]] = {
    ClassificationConfig: (Task.CLASSIFICATION, Task.SENTIMENT),
    TaggingConfig: (Task.TAGGING,),
}
"""The tasks that a kind of head answers."""


def load(path: Path | None, task: Task = Task.CLASSIFICATION) -> Config:
    """Read a recipe; None gives the defaults of the task.

    Raises:
        SettingsError: the recipe cannot be read or is wrong, or its head is of another task.
    """
    if path is None:
        return _DEFAULTS.get(task, Config())
    config = _read(path)
    if task not in _TASKS[type(config.head)]:
        raise SettingsError(f"the recipe {path} is wrong: its [head] does not answer {task}")
    return config


def seeded(config: Config, seed: int | None) -> Config:
    """Return the recipe with another seed; with its own for None."""
    if seed is None:
        return config
    return msgspec.structs.replace(config, fit=msgspec.structs.replace(config.fit, seed=seed))


def _read(path: Path) -> Config:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Config)
    except OSError as error:
        raise SettingsError(f"the recipe {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"the recipe {path} is wrong: {error}") from error
