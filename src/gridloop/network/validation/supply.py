"""Checks of supply: is there a source, and which buses does none reach?"""

from __future__ import annotations

import numpy as np

from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE, find_topology
from gridloop.network.validation.findings import Finding, finding


def findings(net: Network) -> list[Finding]:
    """Buses in service without a path to a source: an error where they carry load, generation or storage."""
    if not len(net.bus):
        return [Finding("error", "empty", "bus", "", (), "the network has no bus. Add buses, or read another file.")]
    topology = find_topology(net)
    if not topology.supplied.any():
        message = (
            "no source in service holds the voltage of any bus. Add a row to the table source, or put one in service."
        )
        return [Finding("error", "no_source", "source", "", (), message)]
    node = topology.node_of
    dark = np.zeros(len(net.bus), dtype=bool)
    dark[node != NO_NODE] = ~topology.supplied[node[node != NO_NODE]]
    buses = net.bus.index[dark]
    carries = np.zeros(len(buses), dtype=bool)
    for table in ("load", "generator", "storage"):
        frame = net.tables[table]
        carries |= buses.isin(frame.loc[frame["in_service"], "bus"])
    islands = len(np.unique(topology.island_of[node[dark]])) if dark.any() else 0
    remedy = "Close a switch towards them, or leave them out with `network.energized()`."
    found = []
    if carries.any():
        problem = f"carry load, generation or storage but have no path to a source ({islands} islands)"
        found.append(finding("error", "unsupplied", "bus", "", buses[carries], problem, remedy))
    if (~carries).any():
        found.append(finding("warning", "unsupplied", "bus", "", buses[~carries], "have no path to a source", remedy))
    return found
