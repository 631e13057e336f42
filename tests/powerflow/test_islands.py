"""What outages darken: bridges by depth-first search, and sets of branches, against a plain walk."""

import itertools

import numpy as np
from hypothesis import given, settings
from random_grids import random_grids

from gridloop.network.arrays import build_arrays
from gridloop.network.model import Network
from gridloop.powerflow.islands import dark_after
from gridloop.testing import V_NOM_KV, chain, ring


def walked(arrays, outage):
    """Supplied nodes that no walk from a source reaches without the branches that are out."""
    b, reached = arrays.branches, set(arrays.source.tolist())
    frontier = list(reached)
    while frontier:
        node = frontier.pop()
        for row in range(b.tail.size):
            if row in outage or b.tail[row] < 0 or b.head[row] < 0 or b.y_th[row] == 0:
                continue
            for here, there in ((b.tail[row], b.head[row]), (b.head[row], b.tail[row])):
                if here == node and int(there) not in reached:
                    reached.add(int(there))
                    frontier.append(int(there))
    return sorted(set(np.flatnonzero(arrays.topology.supplied).tolist()) - reached)


@settings(max_examples=40, deadline=None)
@given(net=random_grids)
def test_every_outage_of_one_or_two_branches(net):
    arrays = build_arrays(net)
    rows = range(arrays.branches.tail.size)
    outages = [(row,) for row in rows] + list(itertools.combinations(rows, 2))
    dark = dark_after(arrays, outages)
    for outage in outages:
        assert dark.get(outage, np.empty(0)).tolist() == walked(arrays, outage)


def test_a_chain_is_nothing_but_bridges():
    """Behind line k of five stand the buses from k + 1 on."""
    dark = dark_after(build_arrays(chain(6)), [(k,) for k in range(5)])
    assert {outage: nodes.tolist() for outage, nodes in dark.items()} == {(k,): [*range(k + 1, 6)] for k in range(5)}


def test_a_ring_has_no_bridge():
    assert dark_after(build_arrays(ring(5)), [(k,) for k in range(5)]) == {}


def test_two_lines_beside_each_other_are_no_bridge():
    net = chain(3)
    twin = net.line.loc[["0-1"]].rename(index={"0-1": "twin"})
    net = Network.from_tables({**net.tables, "line": [*net.line.reset_index().to_dict("records"),
                               *twin.rename_axis("id").reset_index().to_dict("records")]})  # fmt: skip
    dark = dark_after(build_arrays(net), [(0,), (2,), (0, 2), (1,)])
    assert {outage: nodes.tolist() for outage, nodes in dark.items()} == {(0, 2): [1, 2], (1,): [2]}


def test_between_two_sources_nothing_is_dark():
    net = chain(4)
    rows = [{"id": "s", "bus": "0", "owner": "o"}, {"id": "t", "bus": "3", "owner": "o"}]
    arrays = build_arrays(Network.from_tables({**net.tables, "source": rows}))
    assert dark_after(arrays, [(0,), (1,), (2,)]) == {}
    assert dark_after(arrays, [(0, 2)])[0, 2].tolist() == [1, 2]


def test_a_long_feeder_is_searched_without_recursion():
    """5000 buses in a row: deeper than Python's own stack."""
    n = 5000
    line = {"length_km": 1.0, "r_ohm_per_km": 1e-6, "x_ohm_per_km": 1e-6}
    net = Network.from_tables(
        {
            "bus": [{"id": str(k), "v_nom_kv": V_NOM_KV} for k in range(n)],
            "line": [{"id": f"l{k}", "tail_bus": str(k), "head_bus": str(k + 1), **line} for k in range(n - 1)],
            "source": [{"id": "s", "bus": "0"}],
        },
        owner="o",
    )
    assert dark_after(build_arrays(net), [(n // 2,)])[n // 2,].size == n - n // 2 - 1
