"""What can be cut out of which encoder, where it lies, and the encoder that is left.

filters   of a TextCNN, of each width as many
heads     of a Transformer's attention; those that stay keep their size
hidden    of a Transformer or a dialogue encoder: inside the feed-forward networks; of recurrent
          layers: the state, of each direction as many
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.catalog import Architecture
from models.compression.cutting import Group, Part
from models.encoders.dialogue import DialogueConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from schemas.errors import SettingsError

_GATES: Mapping[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}
_READERS: Mapping[type, str] = {ClassificationConfig: "logits", TaggingConfig: "emissions"}


Units = Literal["filters", "heads", "hidden"]


class Plan(NamedTuple):
    """Groups that are cut alike, each to as many units."""

    groups: list[Group]
    left: Callable[[int], Any]
    """From the number of units that stay to the encoder's configuration."""


def plan(what: Units, architecture: Architecture) -> Plan:
    """Return what there is of `filters`, `heads` or `hidden`; SettingsError where there is none."""
    encoder: Any = architecture.encoder
    if make := _PLANS.get((what, type(encoder))):
        return make(encoder, architecture)
    choose = f"choose --of {' or '.join([*able(architecture), 'vocabulary', 'weights'])}"
    raise SettingsError(f"this encoder has no {what} that could be cut: {choose}")


def able(architecture: Architecture) -> list[Units]:
    """Return what of a network can be cut so that it is faster."""
    read = type(architecture.head) in _READERS or not isinstance(
        architecture.encoder, RecurrentConfig
    )
    return [what for what, kind in _PLANS if kind is type(architecture.encoder) and read]


def _filters(encoder: TextCNNConfig, architecture: Architecture) -> Plan:
    units = np.arange(encoder.filters)[:, None]
    groups = [
        Group(
            encoder.filters,
            (
                Part(f"width_{width}", 0, 2, units),
                Part("logits", 0, 0, number * encoder.filters + units, reads=True),
            ),
        )
        for number, width in enumerate(encoder.widths)
    ]
    return Plan(groups, lambda count: replace(encoder, filters=count))


def _heads(encoder: TransformerConfig, architecture: Architecture) -> Plan:
    """Weights of an attention: kernel and bias of query, key and value, then the output's."""
    units = np.arange(encoder.heads)[:, None]
    groups = []
    for number in range(encoder.layers):
        name = f"layer_{number}_attention"
        asking = [Part(name, at, 1 - at % 2, units) for at in range(6)]
        groups.append(Group(encoder.heads, (*asking, Part(name, 6, 0, units, reads=True))))
    size = encoder.head_size or encoder.embedding // encoder.heads
    return Plan(groups, lambda count: replace(encoder, heads=count, head_size=size))


def _inner(encoder: TransformerConfig | DialogueConfig, architecture: Architecture) -> Plan:
    units = np.arange(encoder.feed_forward)[:, None]
    groups = [
        Group(
            encoder.feed_forward,
            (
                Part(f"layer_{number}_expand", 0, 1, units),
                Part(f"layer_{number}_expand", 1, 0, units),
                Part(f"layer_{number}_contract", 0, 0, units, reads=True),
            ),
        )
        for number in range(encoder.layers)
    ]
    return Plan(groups, lambda count: replace(encoder, feed_forward=count))


def _states(encoder: RecurrentConfig, architecture: Architecture) -> Plan:
    """Units of each layer and direction; a state's last reader is the next layer or the head."""
    reader = _READERS.get(type(architecture.head))
    if reader is None:
        raise SettingsError("the hidden units of this version cannot be cut: its head reads them")
    groups = [
        Group(encoder.units, (*_own(encoder, layer, way), *_behind(encoder, layer, way, reader)))
        for layer in range(encoder.layers)
        for way in range(1 + encoder.bidirectional)
    ]
    return Plan(groups, lambda count: replace(encoder, units=count))


def _own(encoder: RecurrentConfig, layer: int, way: int) -> list[Part]:
    """Return where the units lie in their own layer: kernel, recurrent kernel, bias."""
    name, first = _name(encoder, layer), 3 * way
    units = np.arange(encoder.units)[:, None]
    gates = units + encoder.units * np.arange(_GATES[encoder.cell])
    return [
        Part(name, first, 1, gates),
        Part(name, first + 1, 1, gates),
        Part(name, first + 1, 0, units, reads=True),
        Part(name, first + 2, 1 if encoder.cell == "gru" else 0, gates),
    ]


def _behind(encoder: RecurrentConfig, layer: int, way: int, reader: str) -> list[Part]:
    """Return where the units are read behind their layer."""
    units: NDArray[np.int64] = (way * encoder.units + np.arange(encoder.units))[:, None]
    if layer + 1 < encoder.layers:
        name = _name(encoder, layer + 1)
        return [Part(name, 3 * one, 0, units, True) for one in range(1 + encoder.bidirectional)]
    if reader == "logits":  # the head reads mean and greatest value of each
        units = units + encoder.units * (1 + encoder.bidirectional) * np.arange(2)
    return [Part(reader, 0, 0, units, reads=True)]


def _name(encoder: RecurrentConfig, layer: int) -> str:
    return f"layer_{layer}" if encoder.bidirectional else f"cell_{layer}"


_PLANS: Mapping[tuple[Units, type], Callable[[Any, Architecture], Plan]] = {
    ("filters", TextCNNConfig): _filters,
    ("heads", TransformerConfig): _heads,
    ("hidden", TransformerConfig): _inner,
    ("hidden", DialogueConfig): _inner,
    ("hidden", RecurrentConfig): _states,
}
