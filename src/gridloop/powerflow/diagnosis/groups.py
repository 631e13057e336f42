"""Why scenarios of a batch failed, in a few groups: by status, and by the part of the grid where each is worst.

A batch reports three numbers per scenario: its status, the node of its largest mismatch, and that mismatch. Scenarios
that fail for one reason are worst at buses next to each other, so that the worst buses are gathered around the most
frequent of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from gridloop.diagnosis import Diagnosis
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.units import FloatArray, IntArray

# Worst buses within this many branches of the most frequent one are counted with it.
NEAR = 3
EXAMPLES = 5
# Words of the statuses that a batch may report besides "converged".
SAYS = {"not_converged": "find no solution", "unsupplied": "leave buses without supply", "invalid": "are not valid"}


@dataclass(frozen=True)
class Cause:
    """Scenarios that failed alike.

    bus        where most of them are worst; "" where the status names no place
    examples   rows of the batch, the first few; share the share of all failed ones
    mismatch_pu  median of their largest mismatches
    diagnosis  of the first example, where one was asked for
    """

    status: str
    bus: str
    count: int
    examples: tuple[int, ...]
    mismatch_pu: float
    diagnosis: Diagnosis | None = None

    def __str__(self) -> str:
        margin = None if self.diagnosis is None else self.diagnosis.facts.get("margin_factor")
        collapse = self.status == "not_converged" and margin is not None and margin < 1.0
        word = "collapse" if collapse else SAYS.get(self.status, self.status.replace("_", " "))
        near = f" near bus {self.bus}" if self.bus else ""
        shown = f" (margin {margin:.2f})" if margin is not None else ""
        return f"{self.count:,} {word}{near}{shown}, such as scenario {self.examples[0]}"


@dataclass(frozen=True)
class Causes:
    """All groups of a batch, the largest first."""

    scenarios: int
    failed: int
    groups: tuple[Cause, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.failed:
            return f"All {self.scenarios:,} scenarios converged."
        return f"{self.failed:,} of {self.scenarios:,} scenarios failed: {'; '.join(map(str, self.groups))}."

    def diagnosis(self) -> Diagnosis | None:
        """The same as a `Diagnosis`; None where nothing failed."""
        if not self.failed:
            return None
        advice = "Look at one example of each group with a single power flow: it names margin, buses and impedances."
        groups = [
            {"status": g.status, "bus": g.bus, "count": g.count, "examples": list(g.examples)} for g in self.groups
        ]
        return Diagnosis("scenarios_failed", [str(self)], advice, {"failed": self.failed, "groups": groups})


def group_causes(
    net: Network,
    status: Sequence[str] | IntArray,
    worst_node: IntArray | None = None,
    mismatch_pu: FloatArray | None = None,
    *,
    words: Mapping[int, str] | None = None,
    diagnose: Callable[[int], Diagnosis | None] | None = None,
    most_groups: int = 8,
    arrays: NetworkArrays | None = None,
) -> Causes:
    """Group the failures of a batch.

    status       [scenario] words, or numbers that `words` names; "converged" (0 without `words`) is no failure
    worst_node   [scenario] node of the largest mismatch, −1 where there is none; as in `arrays`
    mismatch_pu  [scenario] that mismatch
    diagnose     makes the diagnosis of one scenario (its row); asked once per group, for the first example
    most_groups  the rest is counted together, as the status "other"
    arrays       of the network, where they are at hand
    """
    said = np.array([_word(s, words) for s in np.asarray(status).tolist()], dtype=object)
    failed = np.flatnonzero(said != "converged")
    nodes = np.full(said.size, NO_NODE) if worst_node is None else np.asarray(worst_node)
    size = np.full(said.size, np.nan) if mismatch_pu is None else np.asarray(mismatch_pu, dtype=float)
    groups: list[tuple[str, int, IntArray]] = []
    if failed.size:
        arrays = arrays or build_arrays(net)
        for word in sorted(set(said[failed].tolist())):
            mine = failed[said[failed] == word]
            groups += [(word, centre, rows) for centre, rows in _near(arrays, nodes[mine], mine)]
    groups.sort(key=lambda g: (-g[2].size, g[0], g[1]))
    shown = groups if len(groups) <= most_groups else groups[: most_groups - 1]
    causes = []
    for word, centre, rows in shown:
        bus = "" if centre == NO_NODE or arrays is None else str(net.bus.index[arrays.topology.first_bus[centre]])
        found = None if diagnose is None else diagnose(int(rows[0]))
        causes.append(_cause(word, bus, rows, size, found))
    if len(shown) < len(groups):
        rest = np.sort(np.concatenate([rows for _, _, rows in groups[len(shown) :]]))
        causes.append(_cause("other", "", rest, size, None))
    return Causes(said.size, int(failed.size), tuple(causes))


def _word(status: Any, words: Mapping[int, str] | None) -> str:
    if isinstance(status, str):
        return status
    if words is not None:
        return words.get(int(status), f"status_{int(status)}")
    return "converged" if int(status) == 0 else "not_converged"


def _cause(word: str, bus: str, rows: IntArray, size: FloatArray, found: Diagnosis | None) -> Cause:
    known = size[rows][np.isfinite(size[rows])]
    typical = float(np.median(known)) if known.size else np.nan
    return Cause(word, bus, int(rows.size), tuple(int(r) for r in rows[:EXAMPLES]), typical, found)


def _near(arrays: NetworkArrays, nodes: IntArray, rows: IntArray) -> list[tuple[int, IntArray]]:
    """Rows gathered around the most frequent of their nodes, then around the most frequent of the rest, and so on."""
    place, count = np.unique(nodes, return_counts=True)
    order = np.lexsort((place, -count))
    known = place[place != NO_NODE]
    b = arrays.branches
    whole = (b.tail != NO_NODE) & (b.head != NO_NODE)
    graph = csr_array((np.ones(int(whole.sum())), (b.tail[whole], b.head[whole])), shape=(arrays.n_nodes,) * 2)
    taken: dict[int, int] = {}
    for node in place[order].tolist():
        if node in taken:
            continue
        taken[node] = node
        if node != NO_NODE and known.size > 1:
            steps = dijkstra(graph, directed=False, indices=node, unweighted=True, limit=NEAR)
            for other in known[np.isfinite(steps[known])].tolist():
                taken.setdefault(other, node)
    centre = np.array([taken[node] for node in nodes.tolist()], dtype=np.int64)
    return [(int(c), rows[centre == c]) for c in np.unique(centre)]
