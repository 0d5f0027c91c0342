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
from models.encoders.recurrent import CellsConfig, RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.heads.extraction import ExtractionConfig
from models.heads.summarization import SummarizationConfig
from models.heads.tagging import TaggingConfig
from models.text.cleaning import ParsingConfig
from schemas.errors import SettingsError
from schemas.model_version import AS_USUAL, RunConfig, TrainingData
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
    vectors: str = ""
    """Where the first vectors came from, and their licence."""
    lexicon: str = ""
    """Dictionary that the features look words up in, and its licence."""
    drop_labels: tuple[str, ...] = ()
    rename_labels: dict[str, str] = {}
    """Tagging: kinds that several corpora name differently, as `person = "PER"`."""

    def told(self, path: Path, examples: int) -> TrainingData:
        """Return what a manifest says of the examples in this file."""
        name = self.name or path.name
        return TrainingData(name=name, examples=examples, licence=self.licence, source=self.source)


class TokenizerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    vocabulary: int = 8000
    """Most word pieces."""
    min_frequency: int = 2
    """A character or piece seen less often is unknown."""
    unit: Literal["subword", "character", "word", "mixed"] | None = None
    """What is one token (`models.text.vocabulary`); None: sub-words, or words where the encoder has
    features. Where answers have places: characters, words, or mixed, Chinese by character and
    other scripts by word; None: characters in Chinese, words in English."""
    lexicon_count: int = 0
    """A word of the lexicon that was counted less often is left out."""


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
    class_weights: Literal["balanced"] | dict[str, Annotated[float, msgspec.Meta(gt=0)]] = {}
    """Classification only: how much a text of each label weighs in the loss, 1 where nothing is
    said; "balanced": every label as much as any other, however many texts it has. Macro F1 then
    decides which epoch is the best."""
    hide_tokens: float = 0.0
    """Share of tokens shown as unknown, drawn anew for every batch (word dropout)."""
    average: float = 0.998
    """Momentum of the weights' moving average, which is what is kept; 0 for none."""
    patience: int = 4
    """Epochs without a better dev score before training stops."""
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
    temperature: Annotated[float, msgspec.Meta(ge=1, le=20)] = 1.0
    """How soft beliefs are learnt: probabilities are raised to 1 / this; 1 as they are."""
    hidden: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """`textmill compress distil` alone: what it counts that a linear map of the student's features
    gives the teacher's; 0: they are not looked at."""


class TransferConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a training learns that starts from another version's encoder."""

    freeze: tuple[str, ...] = ()
    """Parts of the encoder that stay as they are: `embeddings`, `layer_0`, `layer_1` and so on, or
    `encoder` for all."""
    gradual: bool = False
    """In the first epoch the head learns alone, and one part more each epoch, from the top down."""
    factor: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    """Each part learns at the rate of the one above divided by this."""


class TaskConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the tasks that are trained jointly, with files and a head of its own."""

    task: Task
    name: str = ""
    """Tells the tasks apart, also in reports; empty: the task's."""
    train: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """Files, named from the folder that the command gives, or from the recipe's."""
    dev: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    test: tuple[str, ...] = ()
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """What its loss counts, and its dev score for which epoch is the best."""
    passes: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How often an epoch shows its texts; 0.5: a half, drawn anew each time."""
    answers: bool = True
    """False: it is trained along to teach the encoder, and the version is without it."""
    data: DataConfig = DataConfig()
    head: ClassificationConfig | TaggingConfig | None = None
    """None: the usual head of the task."""
    encoder: CellsConfig | None = None
    """Recurrent layers of its own behind the shared encoder; None: the head follows at once."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: DataConfig = DataConfig()
    parsing: ParsingConfig = ParsingConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    encoder: EncoderConfig = TextCNNConfig()
    head: PlainHeadConfig = ClassificationConfig()
    fit: FitConfig = FitConfig()
    distil: DistilConfig = DistilConfig()
    transfer: TransferConfig = TransferConfig()
    run: RunConfig = AS_USUAL
    """How workers may run the version where that is faster."""
    tasks: tuple[TaskConfig, ...] = ()
    """What is trained jointly; empty: one task, whose files the command names."""
    storage: Literal["float32", "float16"] = "float16"
    """How weights are kept on disk; they are rounded to it before scores are taken, so loading
    gives exactly the weights that were scored."""


_DEFAULTS: Mapping[Task, Config] = {
    Task.TAGGING: Config(encoder=RecurrentConfig(), head=TaggingConfig()),
    Task.SUMMARIZATION: Config(encoder=RecurrentConfig(), head=ExtractionConfig()),
}
"""What is trained without a recipe; of tasks that are not here, `Config()`."""
_TASKS: Mapping[type, tuple[Task, ...]] = {
    ClassificationConfig: (Task.CLASSIFICATION, Task.SENTIMENT),
    TaggingConfig: (Task.TAGGING,),
    ExtractionConfig: (Task.SUMMARIZATION,),
    SummarizationConfig: (Task.SUMMARIZATION,),
}
"""The tasks that a kind of head answers."""


def load(path: Path | None, task: Task = Task.CLASSIFICATION) -> Config:
    """Read a recipe of one task; None gives the defaults of the task.

    Raises:
        SettingsError: the recipe cannot be read or is wrong, or its head is of another task.
    """
    if path is None:
        return default(task)
    config = read(path)
    if config.tasks:
        raise SettingsError(f"the recipe {path} names its tasks itself: leave out --task")
    if not answers(config.head, task):
        raise SettingsError(f"the recipe {path} is wrong: its [head] does not answer {task}")
    if config.fit.class_weights and not isinstance(config.head, ClassificationConfig):
        raise SettingsError(
            f"the recipe {path} is wrong: [fit] class_weights serves one label a text alone, "
            "leave it out"
        )
    return config


def default(task: Task) -> Config:
    """Return what is trained without a recipe."""
    return _DEFAULTS.get(task, Config())


def answers(head: PlainHeadConfig, task: Task) -> bool:
    """Whether a kind of head can be trained for a task."""
    return task in _TASKS[type(head)]


def seeded(config: Config, seed: int | None) -> Config:
    """Return the recipe with another seed; with its own for None."""
    if seed is None:
        return config
    return msgspec.structs.replace(config, fit=msgspec.structs.replace(config.fit, seed=seed))


def read(path: Path) -> Config:
    """Read a recipe; SettingsError where it cannot be read or is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Config)
    except OSError as error:
        raise SettingsError(f"the recipe {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"the recipe {path} is wrong: {error}") from error
