"""Self-supervised pre-training: an encoder learns a language from texts without labels.

raw texts -> a twentieth held out -> tokenizer -> pieces -> masked tokens
(`models.training.masking`) -> the same loop as any training -> a version directory that answers
nothing and that `textmill train --init-from` starts from.

The recipe is that of the training to follow: its `[encoder]` and `[tokenizer]` must be the same
there, and its head or `[[tasks]]` say which kind of tokenizer that will be. `[fit]` counts here.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import keras
import msgspec
import numpy as np

from models import catalog
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.heads.masked import VOCABULARY, MaskedConfig
from models.heads.tagging import TaggingConfig
from models.text.features import FeatureConfig
from models.text.tokenizer import Ids
from models.training import curves, raw_text, saving, unlabelled, workspace
from models.training.batches import Encoded
from models.training.config import Config
from models.training.courses.course import Sources, features_of
from models.training.courses.units import text_tokenizer_for, tokenizer_for
from models.training.fit import Trainer
from models.training.masking import Masked, Masking
from models.training.observer import Observer
from models.training.reading.corpus import Reading
from models.training.spool import Spool
from schemas.errors import DataError
from schemas.model_version import Language, Manifest

DEFAULT = Config(encoder=TransformerConfig(), head=TaggingConfig())
"""What is pre-trained without a recipe."""
_PIECE = 128  # most tokens of a piece: beyond, memory grows and little is learnt
_HELD_OUT = 20  # one text in so many chooses the best epoch


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be pre-trained, on what, and where it goes."""

    name: str
    lang: Language
    raw: tuple[Path, ...]
    """Unlabelled texts, in any format of labelled ones."""
    lexicon: Path | None = None
    """Dictionary for the features that look words up; None for none."""
    config: Config
    out: Path
    resume: bool = False
    reading: Reading = Reading()


class Texts(NamedTuple):
    """The raw texts, parted."""

    train: Iterable[str]
    dev: Iterable[str]
    learnt: int
    """How many are in `train`."""


def pretrain(request: Request, observer: Observer) -> Manifest:
    """Pre-train and write the version directory `request.out`; return its manifest.

    Raises:
        DataError: unusable files, or `out` exists.
        SettingsError: a recipe without an encoder of tokens.
        UnavailableError: the disk takes no more; what was finished can be resumed.
    """
    features_of(request.config)
    with workspace.unfinished(request.out):
        return _learn(request, _enter(request), observer)


def _learn(request: Request, folder: Path, observer: Observer) -> Manifest:
    config, features = request.config, features_of(request.config)
    texts = _parted(unlabelled.read(request.raw, request.lang, request.reading), request)
    tokenizer = _tokenizer(texts.train, request)
    train, dev = (Spool(_pieces(some, tokenizer, config), folder) for some in texts[:2])
    architecture = catalog.Architecture(
        vocabulary=tokenizer.size, classes=0, encoder=config.encoder, head=MaskedConfig()
    )
    keras.utils.set_random_seed(config.fit.seed)
    network = catalog.build(architecture)
    _expect(network, train, tokenizer.size)
    learner = catalog.computing_in(config.fit.precision, network, architecture)
    trainer = Trainer(learner, Masked(), config.fit, len(train))
    held_out = _asking(dev, features, config.fit.seed)
    progress = trainer.run(_learnt(train, features), held_out, folder, observer)
    curves.draw(progress, folder / workspace.CURVE)
    saving.rounded(learner, config)
    scores = Masked().scores(trainer.decide(held_out))
    network.set_weights(learner.get_weights())
    manifest = _manifest(request, architecture, texts.learnt, scores)
    return saving.save(request.out, manifest, config, tokenizer, network, folder)


def _enter(request: Request) -> Path:
    files = {f"--raw {number}": path for number, path in enumerate(request.raw, start=1)}
    if request.lexicon is not None:
        files["--lexicon"] = request.lexicon
    facts = [request.name, "pretrain", request.lang, request.config, request.reading.text_column]
    return workspace.enter(request.out, msgspec.json.encode(facts), files, request.resume)


class _Part:
    """The texts of one side, anew at each iteration: their spelling decides, so that one that comes
    twice is on one side."""

    def __init__(self, texts: Iterable[str], held_out: bool) -> None:
        self._texts, self._held_out = texts, held_out

    def __iter__(self) -> Iterator[str]:
        return (text for text in self._texts if text.strip() and self._has(text))

    def _has(self, text: str) -> bool:
        return (crc32(text.encode("utf-8", "replace")) % _HELD_OUT == 0) == self._held_out


def _parted(texts: Iterable[str], request: Request) -> Texts:
    """Hold some texts out."""
    train, dev = _Part(texts, held_out=False), _Part(texts, held_out=True)
    learnt, held_out = (sum(1 for _ in part) for part in (train, dev))
    if not (learnt and held_out):
        raise DataError(
            f"{request.raw[0]}: {learnt + held_out} texts in {request.lang} are too few to "
            f"pre-train: one in {_HELD_OUT} is held out"
        )
    return Texts(train, dev, learnt)


def _tokenizer(texts: Iterable[str], request: Request) -> Any:
    """Return the tokenizer that a training by the same recipe would learn from these texts."""
    config = request.config
    sources = Sources(train=(), dev=(), lang=request.lang, lexicon=request.lexicon)
    if isinstance(config.head, ClassificationConfig) and not config.tasks:
        return tokenizer_for(texts, sources, config)
    return text_tokenizer_for(texts, sources, config)


def _pieces(texts: Iterable[str], tokenizer: Any, config: Config) -> Iterator[Ids]:
    """Yield the texts as int32 [tokens, columns] each, long ones in pieces."""
    length = min(config.encoder.length, _PIECE)
    encoded = (raw_text.encode(text, tokenizer, features_of(config)) for text in texts)
    return (ids[at : at + length] for ids in encoded for at in range(0, len(ids), length))


def _expect(network: Any, pieces: Sequence[Ids], size: int) -> None:
    """Begin with what is known of a token without its context: how often it is seen."""
    counts = np.ones(size, dtype=np.int64)
    for one in pieces:
        np.add.at(counts, one[:, 0], 1)
    network.get_layer(VOCABULARY).set_weights([np.log(counts / counts.sum())])


def _learnt(pieces: Sequence[Ids], features: FeatureConfig) -> Encoded:
    return Encoded(pieces, np.zeros(len(pieces), dtype=np.int32), noise=Masking(features))


def _asking(pieces: Sequence[Ids], features: FeatureConfig, seed: int) -> Encoded:
    """Return pieces whose tokens are hidden once for all epochs."""
    random, masking = np.random.default_rng(seed), Masking(features)
    hidden = [masking.hide(one[None], random)[0] for one in pieces]
    return Encoded(hidden, np.zeros(len(hidden), dtype=np.int32))


def _manifest(
    request: Request, architecture: catalog.Architecture, texts: int, scores: dict[str, float]
) -> Manifest:
    return Manifest(
        name=request.name,
        task=None,
        languages=(request.lang,),
        labels=(),
        max_length=request.config.encoder.length,
        architecture=architecture.as_manifest(),
        data=(request.config.data.told(request.raw[0], texts),),
        metrics={f"dev_{name}": round(scores[name], 4) for name in ("accuracy", "perplexity")},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
    )
