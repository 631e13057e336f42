"""Topology: buses that are one node, open branch ends, islands and who has a source."""

import numpy as np
import pandas as pd
from hypothesis import given, settings

from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE, bus_rows, find_topology
from gridloop.testing import chain, moment, networks, ring, village

SAID = {"author": "ada", "time": moment(), "reason": "test"}


def buses(names="abcde", switches=(), **tables):
    bus = [{"id": b, "v_nom_kv": 20.0} for b in names]
    switch = [{"id": f"{x}-{y}", "bus": x, "element_kind": "bus", "element": y, "closed": closed}
              for x, y, closed in switches]  # fmt: skip
    return Network.from_tables(
        {"bus": bus, "switch": switch, "source": [{"id": "s", "bus": names[0]}], **tables}, owner="o"
    )


def test_rows_of_buses():
    assert bus_rows(chain(3), pd.Series(["2", "0", "x"])).tolist() == [2, 0, -1]


def test_closed_switches_fuse_and_chains_of_them_too():
    """d–b and b–e make one node of three, named by b, which stands first; the open a–c joins nothing."""
    topology = find_topology(buses(switches=[("d", "b", True), ("b", "e", True), ("a", "c", False)]))
    assert topology.node_of.tolist() == [0, 1, 2, 1, 1]
    assert topology.first_bus.tolist() == [0, 1, 2] and topology.n_nodes == 3


def test_a_switch_out_of_service_counts_as_open():
    net = buses("ab", [("a", "b", True)])
    assert find_topology(net).n_nodes == 1
    assert find_topology(net.edit("switch", {"a-b": {"in_service": False}}, **SAID)).n_nodes == 2


def test_a_bus_out_of_service_is_no_node_and_joins_nothing():
    net = buses("abc", [("a", "b", True), ("b", "c", True)]).edit("bus", {"b": {"in_service": False}}, **SAID)
    topology = find_topology(net)
    assert topology.node_of.tolist() == [0, NO_NODE, 1] and topology.first_bus.tolist() == [0, 2]
    assert topology.supplied.tolist() == [True, False]


def test_branches_join_islands_only_with_both_ends():
    """The ring is one island; without its tie it still is; with two lines out the far buses are dark."""
    net = ring(4)
    assert find_topology(net).island_of.tolist() == [0, 0, 0, 0]
    opened = ring(4, closed=False)
    assert find_topology(opened).island_of.tolist() == [0, 0, 0, 0]
    assert find_topology(opened).line_ends.tolist() == [[True, True]] * 3 + [[False, True]]
    cut = find_topology(opened.edit("line", {"1-2": {"in_service": False}}, **SAID))
    assert cut.line_ends[1].tolist() == [False, False]
    assert cut.supplied.tolist() == [True, True, False, False]
    assert [island.tolist() for island in cut.islands_without_supply()] == [[2, 3]]


def test_a_branch_at_a_dead_bus_is_open_there():
    topology = find_topology(chain(3).edit("bus", {"1": {"in_service": False}}, **SAID))
    assert topology.line_ends.tolist() == [[True, False], [False, True]]
    assert topology.node_of.tolist() == [0, NO_NODE, 1] and topology.supplied.tolist() == [True, False]


def test_a_switch_opens_the_end_it_sits_at():
    net = village()
    for bus, kind, element, ends in (
        ("grid", "transformer", "T1", [[False, True]]),
        ("busbar", "transformer", "T1", [[True, False]]),
    ):
        row = {"id": "X", "bus": bus, "element_kind": kind, "element": element, "closed": False, "owner": "o"}
        topology = find_topology(net.add("switch", [row], **SAID))
        assert topology.transformer_ends.tolist() == ends
        assert topology.line_ends.all()
        assert topology.supplied.tolist() == [True, False, False, False]  # busbar 2 is fused with busbar


def test_a_source_supplies_only_in_service_and_at_a_living_bus():
    net = chain(3)
    assert find_topology(net).supplied.all()
    for table, row in (("source", "source"), ("bus", "0")):
        assert not find_topology(net.edit(table, {row: {"in_service": False}}, **SAID)).supplied.any()


@settings(max_examples=50, deadline=None)
@given(net=networks())
def test_laws(net):
    """Nodes are numbered by their first bus; every node has an island; fused buses share both."""
    topology = find_topology(net)
    living = net.bus["in_service"].to_numpy()
    assert ((topology.node_of == NO_NODE) == ~living).all()
    assert (np.diff(topology.first_bus) > 0).all()
    assert (topology.node_of[topology.first_bus] == np.arange(topology.n_nodes)).all()
    assert topology.island_of.shape == topology.supplied.shape == (topology.n_nodes,)
    for island in np.unique(topology.island_of):
        assert np.unique(topology.supplied[topology.island_of == island]).size == 1
    row = {bus: k for k, bus in enumerate(net.bus.index)}
    for s in net.switch[
        (net.switch["element_kind"] == "bus") & net.switch["closed"] & net.switch["in_service"]
    ].itertuples():
        a, b = row[s.bus], row[s.element]
        assert topology.node_of[a] == topology.node_of[b] or not (living[a] and living[b])
