"""Which sentences of a document say what it says: one score a sentence, in the document's light.

After BertSumExt (Liu & Lapata 2019), with any encoder of tokens in the place of BERT: the tokens of
all sentences are encoded in one row, pooled by sentence, joined by what is known of each sentence
(its order, place, length and likeness to the whole: `models.text.documents`), and read by a
bidirectional GRU over sentences. The score is a logit; the softmax over the document's sentences is
the share of belief that each has. Which of them become the summary is decided afterwards
(`models.answering.selection`).
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers.segments import Segments
from models.text.documents import COLUMNS, FACTS

NONE = -1e4
"""Logit of what is no sentence."""


class ExtractionConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="extraction"
):
    """What an extraction head needs to be built again, and how it chooses."""

    units: int = 64
    """Size of the state over sentences, of each direction."""
    facts: int = 16
    """Size of the vector of each thing that is known of a sentence."""
    dropout: float = 0.3
    """Share of components dropped in training, before and behind the layer over sentences."""
    clauses: bool = False
    """Whether Chinese is cut at commas too."""
    longest_sentence: int = 128
    """Most units of a sentence; what goes on is cut there."""
    sentences: int = 3
    """Most sentences of a summary."""
    longest_summary: int = 120
    """Most units of a summary; its best sentence is in it in any case."""
    drop_openings: bool = False
    """Whether phrases such as "In this paper," are left out of English sentences."""


def extract(states: Any, behind: Any, config: ExtractionConfig) -> Any:
    """Build the head: states [rows, tokens, width] -> logits [rows, sentences], float32.

    `behind` is int32 [rows, tokens, COLUMNS], the last columns of the ids.
    """
    pooled, facts = Segments(name="segments")(states, behind[..., 0], behind[..., 1:])
    table = keras.layers.Embedding(FACTS, config.facts, name="facts")
    width = (COLUMNS - 1) * config.facts
    known = keras.layers.Reshape((-1, width), name="known")(table(facts))
    vectors = ops.concatenate([pooled, known], axis=-1)
    vectors = keras.layers.Dropout(config.dropout, name="sentence_dropout")(vectors)
    real = ops.not_equal(facts[..., 0], 0)
    first = ops.equal(ops.cumsum(ops.ones_like(facts[..., 0]), axis=1), 1)
    reader = keras.layers.GRU(config.units, return_sequences=True, name="reader")
    read = keras.layers.Bidirectional(reader, name="sentences")(
        vectors, mask=ops.logical_or(real, first)
    )
    kept = keras.layers.Dropout(config.dropout, name="head_dropout")(
        ops.concatenate([vectors, read], axis=-1)
    )
    logits = ops.squeeze(keras.layers.Dense(1, use_bias=False, name="choice")(kept), -1)
    return ops.where(real, ops.cast(logits, "float32"), NONE)
