"""Making the builds of a version, and finding out what each is worth.

convert     the network to a file's content, or why it cannot be      `convert`, `keras_int8`
measure     texts a second in turns with the float32 network, answers like its, score on dev
keep        what loses no more than allowed

Where the version's own weights are rounded too (`rounding`), builds are made of those, and all is
measured against the weights before.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from models import artifact, catalog, folding
from models.answering.extracts import ExtractAnswerer
from models.answering.joint import JointAnswerer
from models.answering.summaries import SummaryAnswerer
from models.compression import convert, keras_int8, measure, serving, tables
from models.compression.litert import stretched
from models.live_model import USUAL, LiveModel
from models.text.tokenizer import Ids
from models.training import scoring
from models.training.reading.corpus import Reading
from schemas.errors import ArtifactError
from schemas.model_version import Build, Deltas
from schemas.prediction import Prediction
from schemas.question import Question

CALIBRATED: Final = "litert-int8-full"
DEFAULT: Final = ("litert-int8", "litert-folded-int8", "keras-int8")
"""What is made where no build is named; with calibration texts also `CALIBRATED`."""
_NUMBERS: Final[Mapping[str, convert.Numbers]] = {
    "litert-int8": "int8",
    "litert-folded-int8": "int8",
    "litert-float16": "float16",
    CALIBRATED: "int8-full",
}
_CALIBRATION: Final = 200
"""Texts that ranges are taken from."""


class Texts(NamedTuple):
    """What builds are measured on."""

    questions: Sequence[Question]
    """Texts that both answer."""
    dev: Sequence[Path]
    """Labelled ones, for the score; empty: the share of other answers counts as loss."""
    reading: Reading
    calibration: Sequence[Question]
    """Texts whose ranges are looked at; for `CALIBRATED` alone."""
    test: Sequence[Path] = ()
    """Labelled ones that rounded weights are scored on, and nothing is decided by."""


class Measured(NamedTuple):
    """What the builds of a version are worth, and the float32 network beside them."""

    score: float | None
    texts_per_s: float
    builds: Mapping[str, Build]
    contents: Mapping[str, bytes]
    left_out: Mapping[str, str]
    """Builds that cannot be made, and why."""
    rounded: Build | None = None
    """The version's own weights, rounded; None where they are as before."""
    metrics: Mapping[str, float] = MappingProxyType({})
    """The scores of rounded weights, named as a manifest names them."""


class Rounded(NamedTuple):
    """A version with rounded weights."""

    model: LiveModel
    file: Path
    """The file of its weights."""


def measured(
    model: LiveModel, names: Sequence[str], texts: Texts, rounded: Rounded | None = None
) -> Measured:
    """Make and measure builds of a version, or of the same with rounded weights."""
    source = rounded.model if rounded else model
    contents: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    models: dict[str, LiveModel] = {}
    for name in names:
        try:
            made = content(source, name, texts.calibration)
            models[name] = serving.of_content(source, name, made)
            measure.texts_per_s([models[name]], rounds=0)  # fails here, if at all
            contents[name] = made
        except ArtifactError as error:
            models.pop(name, None)
            left_out[name] = str(error)
    if rounded:
        models[USUAL] = source
    usual, *speeds = measure.texts_per_s([model, *models.values()])
    before = model.ask(texts.questions), _score(model, texts)
    weights = _weights(model, rounded)
    builds = {
        name: _build(one, len(contents.get(name, ())), weights, before, texts, speed / usual)
        for (name, one), speed in zip(models.items(), speeds, strict=True)
    }
    own = builds.pop(USUAL, None)
    metrics = _metrics(source, texts) if rounded else {}
    return Measured(before[1], usual, builds, contents, left_out, own, metrics)


def content(model: LiveModel, name: str, calibration: Sequence[Question] = ()) -> bytes:
    """Return the content of a build's file; ArtifactError where the version cannot have it."""
    if model.manifest.exits:
        raise ArtifactError("texts leave its network early, and a build has one end alone")
    if isinstance(model.answerer, JointAnswerer | SummaryAnswerer):
        raise ArtifactError("joint versions and those that write summaries have no builds")
    if name == "keras-int8":
        return keras_int8.converted(model)
    if isinstance(model.answerer, ExtractAnswerer):
        raise ArtifactError("LiteRT cannot loop over the sentences of a document")
    if name == CALIBRATED and not calibration:
        raise ArtifactError("it needs texts to calibrate by: give --calibrate")
    source = _folded(model) if "folded" in name else model
    made = convert.converted(source, _NUMBERS[name], _arrays(model, calibration))
    return tables.stripped(made, tables.tables_of(source.network)) if "folded" in name else made


def _folded(model: LiveModel) -> LiveModel:
    network = folding.fold(model.network, catalog.read(model.manifest.architecture))
    if network is None:
        raise ArtifactError("only a TextCNN that classifies can be folded, within 64 MiB")
    return model.with_network(network, folding.BUILD)


def _arrays(model: LiveModel, calibration: Sequence[Question]) -> list[Ids]:
    parsed = model.parse(calibration[:_CALIBRATION])
    return [stretched(model.features([one], len(one.ids), 1).ids) for one in parsed]


def _build(
    model: LiveModel,
    made: int,
    weights: int,
    before: tuple[Sequence[Prediction], float | None],
    texts: Texts,
    speed: float,
) -> Build:
    """Return what a build is worth; `made` and `weights` are bytes of its file and the version's.

    A folded one's tables are made of the version's weights, which count as its size.
    """
    answers, usual = before
    alike = measure.agreement(answers, model.ask(texts.questions))
    score = _score(model, texts)
    lost = 1 - alike if score is None or usual is None else usual - score
    samples = model.ask([one.question for one in model.manifest.samples])
    on_disk = made + weights * (model.build == USUAL or "folded" in model.build)
    return Build(
        file=artifact.BUILDS.get(model.build, artifact.WEIGHTS),
        bytes=made or weights,
        score=score if score is None else round(score, 4),
        deltas=Deltas(
            agreement=round(alike, 4),
            loss=round(100 * lost, 2),
            texts_per_s=round(speed, 2),
            size=round(on_disk / model.float32_bytes, 3),
        ),
        samples=tuple(samples),
    )


def _weights(model: LiveModel, rounded: Rounded | None) -> int:
    """Return the bytes of the file of the weights; 0 where there is none."""
    own = model.directory / artifact.WEIGHTS if model.directory else None
    path = rounded.file if rounded else own
    return path.stat().st_size if path else 0


def _score(model: LiveModel, texts: Texts) -> float | None:
    if not texts.dev:
        return None
    scores = scoring.of_files(model, texts.dev, texts.reading)
    return scores[measure.main_score(scores)]


def _metrics(model: LiveModel, texts: Texts) -> dict[str, float]:
    """Return the scores on dev and test files, where there are any."""
    return {
        f"{kind}_{name}": round(value, 4)
        for kind, paths in (("dev", texts.dev), ("test", texts.test))
        if paths
        for name, value in scoring.of_files(model, paths, texts.reading).items()
    }
