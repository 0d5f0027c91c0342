"""Early exit: a network that is cut at its exits; texts that are easy leave at the first that is
sure, the others go on in arrays of their own.

    stage 0    ids -> states behind the first exit's layer, and its probabilities
    stage n    ids and states -> states behind the next exit's layer, and its probabilities
    the last   ids and states -> the probabilities of the last layer

What goes on comes back from `predict` with its states in place of an answer; whoever calls puts
those of all arrays together (`models.cascade` says how and why), so that later layers see full
arrays too. The weights are those of one network, and so is the answer of a text that no exit is
sure of. Confidence is the probability of the label, and one threshold serves all exits (as in
BERxiT, Xin et al. 2021, and FastBERT, Liu et al. 2020, by their simplest measure).

**A text has one answer, alone and in any company**, as in a cascade: where a confidence is nearer
to the threshold than the tolerance, the text is asked from the beginning, alone, and that decides.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Self, cast

import keras
import numpy as np
import tensorflow as tf
from msgspec.structs import replace

from models import catalog
from models.answering.answerer import Judge, Judged, Parsed
from models.features import Features
from models.layers import ends
from models.live_model import LiveModel
from models.shapes import TOKEN_BUDGET, bucket
from models.source import FILES, Source
from schemas.errors import ArtifactError
from schemas.model_version import Exits, Manifest
from schemas.prediction import Prediction

LAST: Final = "last"
"""What `Prediction.build` says of answers behind the last layer; of others `exit-1` and so on."""


class Going(Parsed, frozen=True, kw_only=True):
    """A text that goes on, with what was made of it."""

    states: tuple[Any, ...]
    """[tokens, width] of each of its pieces."""


class LiveExits(LiveModel):
    """A loaded version with exits. `predict` may be called from one thread at a time."""

    def __init__(self, manifest: Manifest, tokenizer: Any, network: Any) -> None:
        super().__init__(manifest, tokenizer, network)
        if not manifest.exits:
            raise ArtifactError(f"{manifest.name} does not say when a text leaves early")
        self._exits: Exits = manifest.exits
        layers = catalog.exits_of(catalog.read(manifest.architecture).encoder)
        self._names = [*(f"exit-{layer}" for layer in layers), LAST]
        self._stages = [_traced(one) for one in stages(network, layers)]

    @classmethod
    def load(cls, directory: Path, source: Source = FILES) -> Self:
        """See `LiveModel.load`."""
        model = super().load(directory, source)
        if len(model._exits.shares) != len(model._stages):
            raise ArtifactError(f"{directory}: the manifest's exits are not those of the network")
        return model

    @property
    def parts(self) -> tuple[LiveModel, ...]:
        """Return it, and one that takes each text to its answer at once."""
        return (self, _Through(self.manifest, self._tokenizer, self.network))

    @property
    def traces(self) -> int:
        """How often the stage was traced that was traced most."""
        return max(int(one.experimental_get_tracing_count()) for one in self._stages)

    def features(self, parsed: Sequence[Parsed], length: int, rows: int) -> Features:
        """Pad to an array, and the states of texts that went on; all of one are as far."""
        features = super().features(parsed, length, rows)
        if not parsed or not isinstance(parsed[0], Going):
            return features
        pieces = [piece for one in parsed for piece in cast(Going, one).states]
        states = np.zeros((*features.ids.shape[:2], pieces[0].shape[-1]), np.float32)
        for row, piece in enumerate(pieces):
            states[row, : len(piece)] = piece
        return replace(features, states=states)

    def predict(self, features: Features) -> list[Any]:
        """Answer the real rows, in order; in place of an answer a `Going`."""
        stage = features.parsed[0].stage if features.parsed else 0
        judged, states = self._judged(features, stage)
        if stage == len(self._stages) - 1:
            return [replace(one.answer, build=LAST) for one in judged]
        found: list[Any] = []
        for one, said, rows in zip(features.parsed, judged, states, strict=True):
            decided = self._decided(one, said, stage)
            if decided.confidence >= self._exits.threshold:
                found.append(replace(decided.answer, build=self._names[stage]))
            else:
                found.append(_going(one, rows, stage + 1))
        return found

    def agree(self, one: Any, other: Any) -> bool:
        """Whether two answers to the same text are the same and left at the same end; or neither
        is one, as the text goes on."""
        if not (isinstance(one, Prediction) and isinstance(other, Prediction)):
            return isinstance(one, Parsed) and isinstance(other, Parsed)
        return one.build == other.build and super().agree(one, other)

    def seconds(self, length: int, rows: int) -> float:
        """Return what an array takes of texts as the dev texts were: of later stages the part that
        comes so far, however many of the warm-up's texts do."""
        features, taken = self.warm_features(length, rows), 0.0
        for stage in range(len(self._stages)):
            coming = rows * sum(self._exits.shares[stage:])
            some = max(1, round(coming))
            given = self._first(features, some)
            started = perf_counter()
            _, states = self._judged(given, stage)
            taken += (perf_counter() - started) * coming / some
            if stage < len(self._stages) - 1:
                pairs = zip(given.parsed, states, strict=True)
                going = [_going(one, piece, stage + 1) for one, piece in pairs]
                features = self.features(going, length, len(going))
        return taken

    def warm_up(self, shapes: Iterable[tuple[int, int]]) -> None:
        """Run every (length, rows) once through all stages."""
        for length, rows in shapes:
            self.seconds(length, rows)

    def _first(self, features: Features, rows: int) -> Features:
        some = features.parsed[:rows]
        return self.features(some, features.ids.shape[1], len(some))

    def _decided(self, parsed: Parsed, judged: Judged, stage: int) -> Judged:
        """Return a judgement that its company has no part in."""
        if abs(judged.confidence - self._exits.threshold) > self.tolerance:
            return judged
        length = bucket(max(map(len, parsed.pieces)), self.lengths)
        one = Parsed(**{name: getattr(parsed, name) for name in Parsed.__struct_fields__})
        one = replace(one, stage=0)
        for number in range(stage + 1):
            (alone,), (states,) = self._judged(self.features([one], length, 1), number)
            if number < stage:
                one = _going(one, states, number + 1)
        return alone

    def _judged(self, features: Features, stage: int) -> tuple[list[Judged], list[Any]]:
        """Return the judgement of each text at the end of a stage, and its rows of states."""
        counts = [len(one.pieces) for one in features.parsed]
        probabilities, states = self._staged(features, stage, sum(counts))
        answerer, judged, rows, start = cast(Judge, self.answerer), [], [], 0
        for one, count in zip(features.parsed, counts, strict=True):
            own = [probabilities[start : start + count]]
            joined = own if count == 1 else answerer.stitch(own, one)
            judged += answerer.judge(joined, [one])
            rows.append(None if states is None else states[start : start + count])
            start += count
        return judged, rows

    def _staged(self, features: Features, stage: int, rows: int) -> tuple[Any, Any]:
        """Run a stage, in several calls where many windows would make too large an array."""
        length = features.ids.shape[1]
        step = max(1, TOKEN_BUDGET // length) if rows > len(features.parsed) else max(1, rows)
        given = [features.ids] if features.states is None else [features.ids, features.states]
        calls = [
            self._stages[stage](*(tf.convert_to_tensor(one[at : at + step]) for one in given))
            for at in range(0, max(1, len(features.ids)), step)
        ]
        found = [np.concatenate([one.numpy() for one in some]) for some in zip(*calls, strict=True)]
        if not all(np.isfinite(one).all() for one in found):
            raise ArtifactError(f"{self.manifest.name} gives answers that are not finite numbers")
        return found[0], found[1] if len(found) > 1 else None


class _Through(LiveExits):
    """The same, which takes each text of an array to its answer at once."""

    @property
    def parts(self) -> tuple[LiveModel, ...]:
        """Return itself alone."""
        return (self,)

    def predict(self, features: Features) -> list[Any]:
        """Answer the real rows, in order."""
        found = super().predict(features)
        while going := [at for at, one in enumerate(found) if isinstance(one, Going)]:
            some = [found[at] for at in going]
            further = super().predict(self.features(some, features.ids.shape[1], len(some)))
            for at, one in zip(going, further, strict=True):
                found[at] = one
        return found


def stages(network: Any, layers: Sequence[int]) -> list[Any]:
    """Cut a network with exits behind these layers; return a `keras.Model` for each stage.

    The first takes ids, the others a list of ids and states; all give a list of logits and, but for
    the last, states. They share the network's weights.
    """
    ids = network.inputs[0]
    states = [network.get_layer(ends.state_name(layer)).output for layer in layers]
    cut = []
    for number, logits in enumerate(network.outputs):
        given = [ids] if number == 0 else [ids, states[number - 1]]
        cut.append(keras.Model(given, [logits, *states[number : number + 1]]))
    return cut


def _traced(stage: Any) -> Any:
    """Return a stage as one traced function to probabilities and states."""

    def run(*given: Any) -> tuple[Any, ...]:
        logits, *states = tf.nest.flatten(stage(list(given), training=False))
        probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
        return (probabilities, *(tf.cast(one, tf.float32) for one in states))

    kinds = (tf.int32, tf.float32)
    signature = [
        tf.TensorSpec(one.shape, kind) for one, kind in zip(stage.inputs, kinds, strict=False)
    ]
    return tf.function(run, input_signature=signature, autograph=False)


def _going(parsed: Parsed, rows: Any, stage: int) -> Going:
    """Return a text that goes on, with its rows of states, each as long as its piece."""
    fields = {name: getattr(parsed, name) for name in Parsed.__struct_fields__}
    lengths = [len(piece) for piece in parsed.pieces]
    states = tuple(row[:length] for row, length in zip(rows, lengths, strict=True))
    return Going(**{**fields, "stage": stage, "states": states})


def of_end(model: LiveModel, number: int) -> LiveModel:
    """Return a version that answers at one end of its network for every text."""
    return LiveModel(model.manifest, model._tokenizer, _End(model.network, number))


class _End:
    """One end of a network, seen as a network of its own."""

    def __init__(self, network: Any, number: int) -> None:
        self.input_shape, self.count_params = network.input_shape, network.count_params
        self._network, self._number = network, number

    def __call__(self, ids: Any, *, training: bool = False) -> Any:
        return self._network(ids, training=training)[self._number]
