"""A folded TextCNN in one loop over the tokens, compiled by XLA once for texts of all lengths.

As a graph of operations, `models.folding` writes and reads an array as large as all tokens times
all filters for each place under each filter. Here a text's strongest matches stay where they are
and the loop goes along its tokens, adding up rows of the tables: nothing else is ever written.

    for each block of BLOCK texts              a text has as many turns as the longest of its block
        for each PLACES tokens of them         matches = sums of table rows, as many as it is wide
            best = max(best, matches)          and the n-grams that begin there are added up

Both loops end by the lengths of the texts in hand. So one compiled program serves every array of up
to ROWS texts, and texts of like length should be neighbours: `models.blocks` sees to that, and no
row is padded by a grid. On one CPU core, TextCNN at its default size, texts of the mix of
`benchmarks.texts`, with all that is around it: 256 take 6 ms, 16 take 1.3 and one 0.9. It takes
about a second to trace and compile.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
import tensorflow as tf
from keras import ops

from models import folding
from models.blocks import BLOCK, ROWS
from models.catalog import Architecture
from models.encoders.textcnn import TextCNNConfig
from models.features import stacked
from models.layers.ngrams import bucket_of
from models.traces import Read, Trace

PLACES: Final = 4
"""Tokens of a text that a turn of the inner loop takes. XLA's own work is done once a turn, and
what a turn keeps of them is made in one pass: three times as fast as one by one. Eight win another
tenth and compile 0.6 s longer."""


class FusedTrace(Trace):
    """One compiled function of weights and padded ids; arrays of any size are brought to its own.

    Takes weights as `models.folding.weights` gives them for its `layers`.
    """

    def __init__(self, read: Read, architecture: Architecture) -> None:
        network = _Fused(architecture)
        self._shape, self._longest = network.input_shape, network.longest
        super().__init__(read, network, jit=True)

    def __call__(self, weights: Sequence[Any], ids: Any) -> tuple[Any, ...]:
        """Return what `read` gives, of at least as many rows as `ids` int32 [rows, length] has."""
        given = np.asarray(ids)[:, : self._longest]  # what may lie beyond is padding
        parts = [given[at : at + ROWS] for at in range(0, max(len(given), 1), ROWS)]
        calls = [super(FusedTrace, self).__call__(weights, self._sized(part)) for part in parts]
        if len(calls) == 1:
            return calls[0]
        return tuple(stacked([one.numpy() for one in some]) for some in zip(*calls, strict=True))

    def _sized(self, ids: Any) -> Any:
        sized = np.zeros(self._shape, np.int32)
        sized[: len(ids), : ids.shape[1]] = ids
        return tf.convert_to_tensor(sized)


class _Fused:
    """Stands in for a folded `keras.Model` where one is traced: ids [ROWS, length] to logits."""

    def __init__(self, architecture: Architecture) -> None:
        folded = folding.empty(architecture)
        self._encoder = cast(TextCNNConfig, architecture.encoder)
        self._layer = folded.get_layer
        self.layers = folded.layers
        self._reach = max(*self._encoder.widths, *self._encoder.ngrams, 1)
        """Tokens that are looked at from a place on."""
        self.longest = self._encoder.length
        """Tokens of a text at most."""
        self.input_shape = (ROWS, self.longest + PLACES + self._reach - 2)
        """So wide that no step looks beyond it."""
        self._head = folded.get_layer("logits")

    def __call__(self, ids: Any, training: bool = False) -> Any:
        """Return logits [ROWS, classes], block by block."""
        numbers = ops.arange(1, ROWS + 1)
        rows = ops.max(ops.where(ops.not_equal(ids[:, 0], 0), numbers, 0))

        def step(begin: Any, logits: Any) -> tuple[Any, Any]:
            own = ops.slice(ids, (begin, 0), (BLOCK, ids.shape[1]))
            return begin + BLOCK, ops.slice_update(logits, (begin, 0), self._head(self._block(own)))

        start = ops.convert_to_tensor(0), ops.zeros((ROWS, self._head.units))
        return ops.while_loop(lambda begin, _: begin < rows, step, start)[1]

    def _block(self, ids: Any) -> Any:
        """Return the features [BLOCK, width] of texts of these ids [BLOCK, length]."""
        encoder, columns = self._encoder, ops.transpose(ids)
        lengths = ops.sum(ops.cast(ops.not_equal(columns, 0), "int32"), axis=0)

        def step(place: Any, best: Any, sums: Any) -> tuple[Any, Any, Any]:
            for at in [place + further for further in range(PLACES)]:
                tokens = [columns[at + offset] for offset in range(self._reach)]
                real = ops.cast(ops.expand_dims(at < lengths, -1), "float32")
                matches = [self._matches(width, tokens) for width in encoder.widths]
                grams = [real * self._gram(n, tokens) for n in encoder.ngrams]
                best = list(map(ops.maximum, best, matches))
                sums = list(map(ops.add, sums, grams))
            return place + PLACES, best, sums

        best = [ops.zeros((BLOCK, encoder.filters)) for _ in encoder.widths]
        sums = [ops.zeros((BLOCK, encoder.ngram_embedding)) for _ in encoder.ngrams]
        longest = ops.max(lengths)
        start = ops.convert_to_tensor(0), best, sums
        _, best, sums = ops.while_loop(lambda place, *_: place < longest, step, start)
        count = ops.maximum(ops.cast(ops.expand_dims(lengths, -1), "float32"), 1.0)
        return ops.concatenate([*best, *(one / count for one in sums)], axis=-1)

    def _matches(self, width: int, tokens: Sequence[Any]) -> Any:
        """Return the matches [BLOCK, filters] of the windows that begin at the first token."""
        found = self._rows(f"width_{width}_0", tokens[0])
        for place in range(1, width):
            found += self._rows(f"width_{width}_{place}", tokens[place])
        return found

    def _gram(self, n: int, tokens: Sequence[Any]) -> Any:
        """Return the vectors [BLOCK, size] of the n-grams that begin at the first token."""
        return self._rows(f"ngram_{n}", bucket_of(tokens[:n], self._encoder.ngram_buckets))

    def _rows(self, table: str, numbers: Any) -> Any:
        return ops.take(self._layer(table).embeddings, numbers, axis=0)
