"""Cutting units out of a network, so that it is smaller and still dense.

A *unit* is a filter, an attention head, a component of a state: something whose numbers lie in
several weights. A *part* says where in one weight they lie, a *group* is what is cut alike, such as
the filters of one width. Pure: arrays in, arrays out.

What a unit is worth is how much the loss would change without it, to the first order: the sum of
weight times gradient over the weights that read it (Molchanov et al. 2019, of filters; Michel et
al. 2019, of heads).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Mapping[str, Sequence[Array]]
"""The weights of each layer, by its name, as Keras orders them."""


class Part(NamedTuple):
    """Where the units of a group lie in one weight."""

    layer: str
    weight: int
    """Number of the weight in its layer."""
    axis: int
    places: NDArray[np.int64]
    """[units, any]: each unit's indices along the axis."""
    reads: bool = False
    """Whether this weight reads what the units say, and so tells their worth."""


class Group(NamedTuple):
    """Units that lie beside each other and are compared with each other."""

    units: int
    parts: tuple[Part, ...]


def worth(group: Group, weights: Weights, gradients: Weights) -> NDArray[np.float64]:
    """Return what each unit is worth by the gradients of one batch, [units]."""
    change = np.zeros(group.units)
    for part in group.parts:
        if part.reads:
            product = weights[part.layer][part.weight] * gradients[part.layer][part.weight]
            others = tuple(axis for axis in range(product.ndim) if axis != part.axis)
            change += product.astype(np.float64).sum(axis=others)[part.places].sum(axis=1)
    return np.abs(change)


def chosen(worths: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the `count` units that are worth most, ascending; of equals the first."""
    return np.sort(np.argsort(-worths, kind="stable")[:count])


def cut(
    weights: Weights, groups: Sequence[Group], kept: Sequence[NDArray[np.int64]]
) -> dict[str, list[Array]]:
    """Return the weights without the units of each group that are not `kept`."""
    gone: dict[tuple[str, int, int], list[Array]] = {}
    for group, units in zip(groups, kept, strict=True):
        lost = np.setdiff1d(np.arange(group.units), units)
        for part in group.parts:
            place = part.layer, part.weight, part.axis
            gone.setdefault(place, []).append(part.places[lost].ravel())
    left = {name: list(arrays) for name, arrays in weights.items()}
    for (layer, number, axis), places in gone.items():
        left[layer][number] = np.delete(left[layer][number], np.concatenate(places), axis)
    return left
