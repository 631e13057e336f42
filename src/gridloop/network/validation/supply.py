"""Checks of supply: is there a source, and which buses does none reach?"""

from __future__ import annotations

import numpy as np

from gridloop.network.topology import NO_NODE
from gridloop.network.validation.findings import Finding, finding
from gridloop.network.validation.view import View


def findings(view: View) -> list[Finding]:
    """Buses in service without a path to a source: an error where they carry load, generation or storage."""
    if not len(view.ids("bus")):
        return [Finding("error", "empty", "bus", "", (), "the network has no bus. Add buses, or read another file.")]
    topology = view.topology
    if not topology.supplied.any():
        message = (
            "no source in service holds the voltage of any bus. Add a row to the table source, or put one in service."
        )
        return [Finding("error", "no_source", "source", "", (), message)]
    node = topology.node_of
    dark = (node != NO_NODE) & ~topology.supplied[node]
    if not dark.any():
        return []
    carries = np.zeros(dark.size, dtype=bool)
    for table in ("load", "generator", "storage"):
        carries[view.rows(table, "bus")[view.column(table, "in_service")]] = True
    islands = len(np.unique(topology.island_of[node[dark]]))
    remedy = "Close a switch towards them, or leave them out with `network.energized()`."
    found, buses = [], view.ids("bus")
    if (dark & carries).any():
        problem = f"carry load, generation or storage but have no path to a source ({islands} islands)"
        found.append(finding("error", "unsupplied", "bus", "", buses[dark & carries], problem, remedy))
    if (dark & ~carries).any():
        found.append(
            finding("warning", "unsupplied", "bus", "", buses[dark & ~carries], "have no path to a source", remedy)
        )
    return found
