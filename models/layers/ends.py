"""Where a stack of layers can be left early, by name, so that it can be cut there again."""

from collections.abc import Sequence
from typing import Any

import keras


def check(exits: Sequence[int], layers: int) -> None:
    """Raise ValueError where exits are not behind layers, ascending, the last one excepted."""
    if list(exits) != sorted({*exits} & {*range(1, layers)}):
        raise ValueError(
            f"exits = {list(exits)} must ascend, from 1 to the layer before the last of {layers}"
        )


def marked(states: Any, layer: int, exits: Sequence[int]) -> Any:
    """Return the states as they are, by a name where there is an exit."""
    return keras.layers.Identity(name=state_name(layer))(states) if layer in exits else states


def state_name(layer: int) -> str:
    """Return the name of the states behind a layer."""
    return f"state_{layer}"


def prefix(layer: int) -> str:
    """Return how the names begin of what only the head behind this layer has."""
    return f"exit_{layer}_"
