"""The dialogue encoder behind its Transformer layers, turn by turn, against its formulas."""

import keras
import numpy as np
from numpy.typing import NDArray

from models import catalog
from models.encoders.dialogue import DialogueConfig
from models.heads.classification import ClassificationConfig
from models.text.turns import lay_out

Array = NDArray[np.float32]
WIDTH, HEADS = 8, 2
TURNS = [[[5, 6, 7], [8], [9, 3]], [[4, 4]], [[2], [3, 7, 7, 2]]]


def _network() -> keras.Model:
    encoder = DialogueConfig(
        turns=4, embedding=WIDTH, heads=HEADS, feed_forward=10, memory=6, dropout=0.0
    )
    keras.utils.set_random_seed(1)
    network = catalog.build(
        catalog.Architecture(vocabulary=12, classes=3, encoder=encoder, head=ClassificationConfig())
    )
    random = np.random.default_rng(3)
    network.set_weights([random.normal(size=one.shape) * 0.5 for one in network.get_weights()])
    return network


def _softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


class Formula:
    """The parts of the encoder, for one dialogue without padding."""

    def __init__(self, network: keras.Model) -> None:
        self._network = network

    def _dense(self, name: str, x: Array) -> Array:
        kernel, *bias = self._network.get_layer(name).get_weights()
        return x @ kernel + (bias[0] if bias else 0)

    def turn(self, states: Array) -> Array:
        """The mean of a turn's tokens, weighted by an attention."""
        scores = self._dense("turn_scores", np.tanh(self._dense("turn_keys", states)))
        return _softmax(scores[:, 0]) @ states

    def memory(self, turns: list[Array]) -> list[Array]:
        """The GRU's states after each turn, the first one before all."""
        kernel, recurrent, (bias, past_bias) = self._network.get_layer("memory").get_weights()
        states = [np.zeros(6, np.float32)]
        for turn in turns:
            given = np.split(turn @ kernel + bias, 3)
            past = np.split(states[-1] @ recurrent + past_bias, 3)
            update, reset = (_sigmoid(given[n] + past[n]) for n in (0, 1))
            new = np.tanh(given[2] + reset * past[2])
            states.append(update * states[-1] + (1 - update) * new)
        return states

    def recall(self, current: Array, earlier: list[Array], memory: list[Array]) -> Array:
        """The present turn attends to an empty place and all earlier tokens."""
        gain, shift = self._network.get_layer("remembered").get_weights()
        places = [np.zeros(WIDTH)]
        for states, after in zip(earlier, memory, strict=True):
            x = states + self._dense("told", after)
            spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
            places += list(gain * (x - x.mean(axis=-1, keepdims=True)) / spread + shift)
        *pairs, mix, mix_bias = self._network.get_layer("recall").get_weights()
        query, keys, values = (
            np.einsum("lw,whd->hld", x, pairs[n]) + pairs[n + 1][:, None]
            for n, x in ((0, current[None]), (2, np.array(places)), (4, np.array(places)))
        )
        found = _softmax(query @ keys.transpose(0, 2, 1) / np.sqrt(WIDTH / HEADS)) @ values
        return np.einsum("hld,hdw->w", found, mix) + mix_bias

    def logits(self, states: list[Array]) -> Array:
        """From the states of all turns' tokens to the answer."""
        turns = [self.turn(one) for one in states]
        memory = self.memory(turns)
        recalled = self.recall(turns[-1], states[:-1], memory[1:-1])
        both = np.concatenate([turns[-1], memory[-2], recalled])
        meaning = _sigmoid(self._dense("gate", both)) * np.tanh(self._dense("meaning", both))
        return self._dense("logits", np.concatenate([turns[-1], meaning]))


def test_memory_and_recall_follow_their_formulas() -> None:
    network = _network()
    rows = [lay_out([np.array(turn, np.int32) for turn in one], 20) for one in TURNS]
    ids = np.zeros((3, 9, 2), np.int32)
    for row, one in enumerate(rows):
        ids[row, : len(one)] = one
    layers = keras.Model(network.input, network.get_layer("token_norm").output)
    states, got = layers(ids).numpy(), network(ids).numpy()
    for row, one in enumerate(rows):
        turns = [states[row][: len(one)][one[:, 1] == turn] for turn in sorted({*one[:, 1]})]
        np.testing.assert_allclose(got[row], Formula(network).logits(turns), atol=1e-4)


def test_a_turn_is_read_by_itself() -> None:
    network = _network()
    layers = keras.Model(network.input, network.get_layer("token_norm").output)
    turns = [np.array(turn, np.int32) for turn in TURNS[0]]
    together = layers(lay_out(turns, 20)[None]).numpy()[0]
    alone = [layers(lay_out([turn], 20)[None]).numpy()[0] for turn in turns]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)
