"""A short text about a long one: a pointer decoder over an encoder's states, and a beam search.

The network turns a source, ids [batch, length, columns], into the memory; the last column is the
token's number in the extended vocabulary (`models.layers.pointer_decoder`), the others are what the
encoder reads. The decoder's weights are in its layer `decoder`. A summary is a sequence of extended
numbers, ended by 0.
"""

from typing import Any, NamedTuple

import msgspec
from keras import ops

from models.layers import beam_search, pointer_decoder
from models.layers.beam_search import IMPOSSIBLE, Limits
from models.layers.embedding import mask_of
from models.layers.pointer_decoder import PointerDecoder, Source
from models.text.tokenizer import UNKNOWN

DECODER = "decoder"


class SummarizationConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="summarization"
):
    """What a summarisation head needs to be built again, and how it looks for a summary."""

    units: int = 128
    """Size of each of the decoder's two states."""
    dropout: float = 0.3
    """Share of components dropped in training, in every part of the decoder."""
    shortest: int = 3
    """Fewest tokens of a summary."""
    longest: int = 40
    """Most tokens of a summary."""
    beams: int = 4
    length_power: float = 1.0
    """Summaries are compared by log probability / length ** this."""
    ngram: int = 3
    """No sequence of so many tokens comes twice in a summary; 0: no such rule."""


class Summaries(NamedTuple):
    """Words of the extended vocabulary, int32 [batch, longest], 0 behind the last; and the
    geometric mean of their probabilities, END included, float32 [batch]."""

    words: Any
    confidence: Any


def columns(hashed: int) -> int:
    """Return the columns of a source whose tokens have so many hashed features."""
    return 1 + hashed + 1


def summarize(memory: Any, table: tuple[int, int], config: SummarizationConfig) -> Any:
    """Build the head: memory [batch, length, width] to itself, the decoder's weights beside it.

    `table` is the shape of the encoder's token vectors: vocabulary, size.
    """
    return PointerDecoder(config.units, table, config.dropout, name=DECODER)(memory)


def teach(network: Any, ids: Any, memory: Any, summaries: Any) -> tuple[Any, Any, Any]:
    """Return what is learnt from known summaries int32 [batch, tokens], 0 behind the last.

    Three arrays: log P of each token and of END, the mean log P of all words of the vocabulary
    (for label smoothing), and which of them are `counted`.
    """
    source = _read(network, ids, memory)
    before = ops.pad(summaries, ((0, 0), (1, 0)))
    after = ops.pad(summaries, ((0, 0), (0, 1)))
    said = _decoder(network).teach(source, _table(network), before)
    gained = pointer_decoder.log_probability(said, source, after)
    return gained, ops.mean(said.words, axis=-1), counted(summaries)


def counted(summaries: Any) -> Any:
    """Return which tokens, and END, are learnt, float32 [batch, tokens + 1].

    An unknown word that is not in the source cannot be said, so it does not count.
    """
    before = ops.pad(summaries, ((0, 0), (1, 0)))
    after = ops.pad(summaries, ((0, 0), (0, 1)))
    first = ops.equal(ops.cumsum(ops.ones_like(before), axis=1), 1)
    counts = ops.logical_and(ops.logical_or(before != 0, first), after != UNKNOWN)
    return ops.cast(counts, "float32")


def decode(network: Any, ids: Any, config: SummarizationConfig) -> Summaries:
    """Return the best summary that the beam search finds for ids int32 [batch, length, columns]."""
    decoder, table = _decoder(network), _table(network)
    source = _read(network, ids, network(ids, training=False))

    def step(before: Any, state: Any) -> tuple[Any, Any]:
        said, state = decoder.step(source, table, before, state)
        words = pointer_decoder.distribution(said, source)
        never = ops.one_hot(UNKNOWN, ops.shape(words)[-1]) * IMPOSSIBLE
        return words + never, state

    limits = Limits(
        config.beams, config.shortest, config.longest, config.length_power, config.ngram
    )
    found = beam_search.search(step, decoder.begin(source), ops.shape(ids)[0], limits)
    mean = found.log_probability / ops.cast(found.length, "float32")
    return Summaries(found.tokens, ops.exp(mean))


def _decoder(network: Any) -> PointerDecoder:
    return network.get_layer(DECODER)  # type: ignore[no-any-return]


def _read(network: Any, ids: Any, memory: Any) -> Source:
    return _decoder(network).read(memory, ids[..., -1], mask_of(ids))


def _table(network: Any) -> Any:
    return network.get_layer("tokens").embeddings
