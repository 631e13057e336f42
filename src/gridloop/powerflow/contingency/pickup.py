"""Who picks up what an outage leaves missing: the source, or generators in stated shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gridloop.errors import BadInput, listed
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.units import FloatArray, IntArray


def check_participation(net: Network, participation: Mapping[str, float] | None) -> None:
    """Raise `BadInput` where shares name no generator, are negative, or are all zero."""
    if participation is None:
        return
    unknown = [str(i) for i in participation if str(i) not in net.generator.index]
    wrong = [str(i) for i, share in participation.items() if not (np.isfinite(share) and share >= 0)]
    if unknown or wrong or not sum(participation.values()):
        raise BadInput(
            f"participation: {len(unknown)} ids name no generator ({listed(unknown)}), {len(wrong)} shares are not "
            f"numbers of 0 or more ({listed(wrong)}). Give shares, not all of them 0, to generators of the network.",
            unknown=unknown,
            wrong=wrong,
        )


def weights(
    net: Network, arrays: NetworkArrays, participation: Mapping[str, float] | None, lost: IntArray | None = None
) -> FloatArray | None:
    """Share of every generator in what is missing [generator], 1 in all; None where the source carries it alone.

    lost  rows of generators that are out and take no part
    """
    if participation is None:
        return None
    weight = np.zeros(len(net.generator))
    for name, share in participation.items():
        weight[net.generator.index.get_loc(str(name))] = share
    on, node = arrays.element_on["generator"], arrays.element_node["generator"]
    weight[~on | ~arrays.topology.supplied[node]] = 0.0
    if lost is not None:
        weight[lost] = 0.0
    return weight / weight.sum() if weight.sum() else None


def shares(
    net: Network, arrays: NetworkArrays, participation: Mapping[str, float] | None, lost: IntArray | None = None
) -> FloatArray | None:
    """The same for every node. [node]"""
    weight = weights(net, arrays, participation, lost)
    if weight is None:
        return None
    total = np.zeros(arrays.n_nodes)
    np.add.at(total, arrays.element_node["generator"][weight > 0], weight[weight > 0])
    return total
