"""From an architecture, as a manifest keeps it, to a network.

The one place that knows which encoders and heads exist. A network is a function of token ids
(int32, 0 is padding):

    classifier   [batch, length], or [batch, length, columns] where the ids have hashed features or
                 the numbers of turns beside them, to logits [batch, classes]; where the encoder
                 has exits, to a list of them, one an end, the last layer's last
    tagger       [batch, length, columns] to emissions [batch, length, classes]
    summariser   the same and a last column of copyable words to a memory [batch, length, width]
    extractor    a tagger's input and the columns of its sentences to logits [batch, sentences]
    recoverer    a tagger's input and a last column of what is asked to [batch, length, embedding]
    joint        a tagger's input to a list of logits and emissions, one a branch

To add an encoder: write a module with a tagged configuration, a function `encode` and, where it
can, a function `encode_tokens`, and name them here.
"""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import keras
import msgspec

from models import container
from models.encoders import bag, dialogue, recurrent, textcnn, transformer
from models.heads import classification, extraction, joint, masked, summarization, tagging
from models.layers import ends
from models.layers.embedding import mask_of, pool
from models.text import turns
from models.text.documents import COLUMNS
from models.text.features import FeatureConfig
from schemas.errors import ArtifactError

TokenEncoderConfig = recurrent.RecurrentConfig | transformer.TransformerConfig
"""Encoders that have a vector for each token, and read hashed features beside the ids."""
EncoderConfig = textcnn.TextCNNConfig | bag.BagConfig | dialogue.DialogueConfig | TokenEncoderConfig
PlainHeadConfig = (
    classification.ClassificationConfig
    | tagging.TaggingConfig
    | summarization.SummarizationConfig
    | extraction.ExtractionConfig
)
"""Heads that a recipe names; those of a joint network come from its tasks."""
HeadConfig = PlainHeadConfig | joint.JointConfig | masked.MaskedConfig

Kind = TypeVar("Kind")

_SMALLEST = 2
"""Vocabulary of padding and unknown alone."""

_OF_TEXTS: Mapping[type, Callable[..., Any]] = {
    textcnn.TextCNNConfig: textcnn.encode,
    bag.BagConfig: bag.encode,
    recurrent.RecurrentConfig: recurrent.encode,
    transformer.TransformerConfig: transformer.encode,
    dialogue.DialogueConfig: dialogue.encode,
}
_OF_TOKENS: Mapping[type, Callable[..., Any]] = {
    recurrent.RecurrentConfig: recurrent.encode_tokens,
    transformer.TransformerConfig: transformer.encode_tokens,
}
_ENDS: Mapping[type, Callable[..., list[Any]]] = {
    recurrent.RecurrentConfig: recurrent.encode_ends,
    transformer.TransformerConfig: transformer.encode_ends,
}
"""Encoders that can be left early."""


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a network's shape."""

    vocabulary: int
    """Token ids, padding and unknown included."""
    classes: int
    """Labels of the head, in a joint network those of its first branch."""
    encoder: EncoderConfig
    head: HeadConfig

    def as_manifest(self) -> dict[str, object]:
        """Return the form that `Manifest.architecture` keeps."""
        return cast(dict[str, object], msgspec.to_builtins(self))


def read(architecture: Mapping[str, object]) -> Architecture:
    """Check a manifest's architecture; ArtifactError where this release cannot build it."""
    try:
        return msgspec.convert(dict(architecture), Architecture)
    except msgspec.ValidationError as error:
        raise ArtifactError(f"this release cannot build the architecture: {error}") from error


def build(architecture: Architecture, dtype: str = "float32") -> Any:
    """Return a new `keras.Model` with random weights; `dtype` is that of its weights.

    Raises ArtifactError where the encoder cannot serve the head.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return _NETWORKS[type(architecture.head)](architecture)
    finally:
        keras.config.set_dtype_policy(before)


def restore(architecture: Architecture, weights: Path) -> Any:
    """Return a network with the weights of a file; ArtifactError where they do not fit.

    They are unpacked first: in a packed file Keras would go back and forth, and unpack it anew each
    time (3.9 s for two megabytes).
    """
    network = build(architecture)
    try:
        with zipfile.ZipFile(weights) as file, tempfile.TemporaryDirectory() as folder:
            network.load_weights(file.extract(container.WEIGHTS, folder))
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{weights}: the weights do not fit the architecture") from error
    return network


def twin(network: Any, architecture: Architecture, dtype: str) -> Any:
    """Return a network with the same weights in another `dtype`."""
    other = build(architecture, dtype=dtype)
    other.set_weights(network.get_weights())
    return other


def computing_in(precision: str, network: Any, architecture: Architecture) -> Any:
    """Return a network of the same float32 weights that computes in `precision`."""
    if precision == "float32":
        return network
    return twin(network, architecture, f"mixed_{precision}")


def encoder_layers(encoder: EncoderConfig) -> dict[str, Any]:
    """Return the layers of an encoder that have weights, by name, from the input on.

    The names are the same whatever the vocabulary, the head and what the head reads beside.
    """
    encode = _OF_TOKENS.get(type(encoder)) or _OF_TEXTS[type(encoder)]
    ids = keras.Input((None, *_columns(encoder)), dtype="int32")
    bare = keras.Model(ids, encode(ids, _SMALLEST, encoder))
    return {layer.name: layer for layer in bare.layers if layer.weights}


def of_tokens(encoder: EncoderConfig) -> TokenEncoderConfig:
    """Return the encoder, if it has a vector for each token; else raise ArtifactError."""
    if exits_of(encoder):
        raise ArtifactError("exits are for heads that classify: leave them out")
    if isinstance(encoder, TokenEncoderConfig):
        return encoder
    able = [f'"{one.__struct_config__.tag}"' for one in get_args(TokenEncoderConfig)]
    raise ArtifactError(f"this head needs an encoder of tokens: choose type = {' or '.join(able)}")


def exits_of(encoder: EncoderConfig) -> tuple[int, ...]:
    """Return the layers behind which the encoder can be left; none where it has no such layers."""
    return encoder.exits if isinstance(encoder, TokenEncoderConfig) else ()


def without_exits(encoder: EncoderConfig) -> EncoderConfig:
    """Return the same encoder that no text leaves early."""
    return msgspec.structs.replace(encoder, exits=()) if exits_of(encoder) else encoder


def features_of(encoder: EncoderConfig) -> FeatureConfig:
    """Return the hashed features that the encoder reads beside the ids of tokens."""
    return FeatureConfig() if isinstance(encoder, dialogue.DialogueConfig) else encoder.features


def of_kind(head: HeadConfig, kind: type[Kind]) -> Kind:
    """Return the head, which is of this kind; else raise ArtifactError."""
    if isinstance(head, kind):
        return head
    raise ArtifactError(f"the head is a {type(head).__name__}, not a {kind.__name__}")


def _classifier(architecture: Architecture) -> Any:
    encoder = architecture.encoder
    ids = keras.Input((None, *_columns(encoder)), dtype="int32", name="ids")
    if exits := exits_of(encoder):
        states = _ENDS[type(encoder)](ids, architecture.vocabulary, encoder)
        names = [*map(ends.prefix, exits), ""]
        outputs = [_ended(ids, *one, architecture) for one in zip(states, names, strict=True)]
        return keras.Model(ids, outputs, name="classifier")
    features = _OF_TEXTS[type(encoder)](ids, architecture.vocabulary, encoder)
    logits = classification.classify(features, architecture.classes, cast(Any, architecture.head))
    return keras.Model(ids, logits, name="classifier")


def _ended(ids: Any, states: Any, prefix: str, architecture: Architecture) -> Any:
    """Return the logits [batch, classes] of the head at one end of the encoder."""
    head, whole = cast(Any, architecture.head), pool(states, mask_of(ids))
    return classification.classify(whole, architecture.classes, head, prefix=prefix)


def _columns(encoder: EncoderConfig) -> tuple[int, ...]:
    """Return the last axis of a text's ids, if the encoder needs one."""
    if isinstance(encoder, dialogue.DialogueConfig):
        return (turns.COLUMNS,)
    hashed = encoder.features.hashed
    return (1 + hashed,) if hashed else ()


def _tagger(architecture: Architecture) -> Any:
    encoder = of_tokens(architecture.encoder)
    ids = keras.Input((None, 1 + encoder.features.hashed), dtype="int32", name="ids")
    features = _OF_TOKENS[type(encoder)](ids, architecture.vocabulary, encoder)
    emissions = tagging.tag(features, architecture.classes, cast(Any, architecture.head))
    return keras.Model(ids, emissions, name="tagger")


def _joint(architecture: Architecture) -> Any:
    encoder, head = of_tokens(architecture.encoder), cast(joint.JointConfig, architecture.head)
    ids = keras.Input((None, 1 + encoder.features.hashed), dtype="int32", name="ids")
    features = _OF_TOKENS[type(encoder)](ids, architecture.vocabulary, encoder)
    outputs = [joint.branch(features, mask_of(ids), one) for one in head.branches]
    return keras.Model(ids, outputs, name="joint")


def _summarizer(architecture: Architecture) -> Any:
    encoder = of_tokens(architecture.encoder)
    columns = summarization.columns(encoder.features.hashed)
    ids = keras.Input((None, columns), dtype="int32", name="ids")
    encode = _OF_TOKENS[type(encoder)]
    memory = encode(ids[..., :-1], architecture.vocabulary, encoder)
    size, head = (architecture.vocabulary, encoder.embedding), cast(Any, architecture.head)
    return keras.Model(ids, summarization.summarize(memory, size, head), name="summarizer")


def _extractor(architecture: Architecture) -> Any:
    encoder = of_tokens(architecture.encoder)
    ids = keras.Input((None, 1 + encoder.features.hashed + COLUMNS), dtype="int32", name="ids")
    states = _OF_TOKENS[type(encoder)](ids[..., :-COLUMNS], architecture.vocabulary, encoder)
    logits = extraction.extract(states, ids[..., -COLUMNS:], cast(Any, architecture.head))
    return keras.Model(ids, logits, name="extractor")


def _recoverer(architecture: Architecture) -> Any:
    encoder = of_tokens(architecture.encoder)
    ids = keras.Input((None, 1 + encoder.features.hashed + 1), dtype="int32", name="ids")
    features = _OF_TOKENS[type(encoder)](ids[..., :-1], architecture.vocabulary, encoder)
    vectors = masked.recover(features, architecture.vocabulary, encoder.embedding)
    return keras.Model(ids, vectors, name="recoverer")


_NETWORKS: Mapping[type, Callable[[Architecture], Any]] = {
    classification.ClassificationConfig: _classifier,
    tagging.TaggingConfig: _tagger,
    joint.JointConfig: _joint,
    summarization.SummarizationConfig: _summarizer,
    extraction.ExtractionConfig: _extractor,
    masked.MaskedConfig: _recoverer,
}
