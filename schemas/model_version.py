"""What a model version says of itself: the manifest that lies beside its weights.

A version is an immutable directory. Its identity is the `digest`: sha256 of the manifest, which
lists the digests of all files. The version *number* is given by the registry, not by the files.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.prediction import Prediction
from schemas.question import Question
from schemas.task import Task

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A text and the answer this version gave when it was made; a load is READY only if equal."""

    text: str
    prediction: Prediction
    task: Task | UnsetType = UNSET
    """The task that was asked of a joint version; absent where there is only one."""
    context: tuple[str, ...] | UnsetType = UNSET
    """The turns before the text; absent where there were none."""

    @property
    def question(self) -> Question:
        """What was asked."""
        return Question(self.text, self.context or (), self.task or None)


class TrainingData(msgspec.Struct, frozen=True, kw_only=True):
    """Where the examples came from, for the model card and for licences."""

    name: str
    examples: int
    licence: str = "unknown"
    source: str = "unknown"


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faster ways to run a version; each is used only where a worker measures that it is faster."""

    jit: bool = False
    """Let XLA compile the network."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """What the network computes in; its weights stay as they are."""
    tolerance: Annotated[float, Meta(ge=0, le=0.1)] = 1e-4
    """How far a probability may move by it. More than the default changes answers."""


AS_USUAL = RunConfig()


Method = Literal["quantised", "distilled", "pruned", "cascade", "early-exit"]
"""How a version was made smaller or faster than its parent."""
Points = Annotated[float, Meta(ge=0, le=100)]
"""Hundredths of a score: what falls from 0.915 to 0.910 has lost 0.5 points."""


class Deltas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version or a build is against the one it was made from, measured in one run."""

    agreement: Annotated[float, Meta(ge=0, le=1)]
    """Share of the dev texts that both give the same label, tags or summary."""
    loss: float
    """Points of the score that it lost; below 0 where it won some."""
    texts_per_s: float
    """Times as many texts a second, over the grid of shapes, on the machine that made it."""
    size: float
    """Times as many bytes of weights on the disk."""


class Compression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a version came from its parent, and what that cost."""

    method: Method
    deltas: Deltas
    """Against the parent; of a quantised version those of its fastest build."""


class Build(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more form of a version's network, in a file of its own, that a worker may serve."""

    file: str
    """Its file in the version's directory."""
    bytes: int
    """Its length."""
    score: float | None
    """On dev texts, 0 to 1: accuracy, the scheme's F1 or ROUGE-L; None where there were none."""
    deltas: Deltas
    """Against the float32 network of the same version; where its weights were rounded, before."""
    tolerance: Annotated[float, Meta(ge=0, le=0.5)] = 1e-4
    """How far two scores of one text may lie apart, alone and in any shape of an array."""
    samples: tuple[Prediction, ...] = ()
    """What it answered to the version's samples when it was made."""


class Cascade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of two: the cheap one answers what it is sure of, the strong one the rest.

    Both are whole versions, in the directories `cheap` and `strong` of the cascade's own.
    """

    threshold: Annotated[float, Meta(ge=0, le=1)]
    """How sure the cheap one must be of an answer for it to stand."""
    early_share: Annotated[float, Meta(ge=0, le=1)]
    """Share of the dev texts that it answered."""


class Exits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a network whose encoder has exits is used: easy texts leave at the first that is sure."""

    threshold: Annotated[float, Meta(ge=0, le=1)]
    """How sure an exit must be of an answer for it to stand."""
    shares: tuple[Annotated[float, Meta(ge=0, le=1)], ...]
    """Share of the dev texts that were answered at each end, the last layer's last."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`manifest.json` of a version directory."""

    format: Literal[1] = 1
    name: str
    """Model name, for example `topic-zh`: lower case, digits and hyphens."""
    task: Task | None
    """The task it answers, the first of them in a joint version; None: a pre-trained encoder."""
    languages: tuple[Language, ...]
    labels: tuple[str, ...]
    further: dict[Task, tuple[str, ...]] | UnsetType = UNSET
    """What else a joint version answers: each task with its labels; absent where there is none."""
    max_length: int
    """Longest input in tokens; longer texts are read in windows (`models.windows`)."""
    architecture: dict[str, object]
    """The configuration that built the network, complete, so that it can be built again."""
    parent: str | None = None
    """Digest of the version this one was derived from; None when trained from nothing."""
    data: tuple[TrainingData, ...] = ()
    metrics: dict[str, float] = {}
    """Scores, prefixed by the split: `dev_accuracy`, `test_macro_f1`; from 0 to 1, but for
    `dev_perplexity`, of a pre-trained encoder."""
    expected: dict[Task, dict[str, dict[str, int]]] | UnsetType = UNSET
    """How its answers to its development set were spread: by task, feature and bucket how many, for
    the view `drift`; absent where nobody counted."""
    samples: tuple[Sample, ...] = ()
    warm_up: tuple[str, ...] = ()
    created_at: str = ""
    """RFC 3339, UTC."""
    run: RunConfig | UnsetType = UNSET
    """How it is run where that is faster; absent: as usual."""
    compression: Compression | UnsetType = UNSET
    """How it was made from its parent; absent where it was trained."""
    builds: dict[str, Build] | UnsetType = UNSET
    """Other forms of the network by name, such as `litert-int8`; absent where there is none."""
    allowed_loss: Points | UnsetType = UNSET
    """Points that a build may lose for a worker to serve it; absent: none may be served."""
    cascade: Cascade | UnsetType = UNSET
    """Its two versions; absent in a version of one network."""
    exits: Exits | UnsetType = UNSET
    """When texts leave its network early; absent: none does."""
    files: dict[str, str]
    """File name to sha256, hexadecimal, for every file but the manifest."""

    @property
    def tasks(self) -> dict[Task, tuple[str, ...]]:
        """Every task it answers with its labels, the first of them first; empty for an encoder."""
        first = {} if self.task is None else {self.task: self.labels}
        return first | (self.further or {})
