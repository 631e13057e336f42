"""One case of the power-flow benchmark under measurement, and what all its rows agree on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import ours
from benchmarks.cases import Case, Scenarios, draw
from benchmarks.harness import Bench

TOLERANCE_PU = 1e-8
# For answers that are to be the same to more than that; less is below the rounding of the larger cases.
EXACT_PU = 1e-10
# Answers are compared in blocks of no more voltages than this (16 bytes each).
BLOCK_VOLTAGES = 4_000_000


@dataclass(frozen=True)
class Study:
    """One case under measurement: the case, our grid of it, and the scenarios that are timed: ours, and the peers'."""

    bench: Bench
    case: Case
    grid: ours.Grid
    many: Scenarios
    scenarios: Scenarios

    def facts(self, mode: str, **more: Any) -> dict[str, Any]:
        base = {"mode": mode, "base_mva": self.case.base_mva, "tolerance_pu": TOLERANCE_PU, "voltages": False}
        return {**base, **more}

    def arrays(self, scenarios: Scenarios | None = None) -> dict[str, Any]:
        case = self.case
        given = {"bus": case.bus, "gen": case.gen, "branch": case.branch, "v0": self.grid.v0, "slack": case.slack}
        own = {} if scenarios is None else {k: getattr(scenarios, k) for k in ("p_mw", "q_mvar", "gen_p_mw")}
        return {**given, "load_rows": case.load_rows, **own}

    def drawn_again(self, total: int) -> Iterator[Scenarios]:
        """Other scenarios than those that are timed, for comparing answers, block by block."""
        size = min(max(BLOCK_VOLTAGES // self.case.n_buses, 1), total)
        for block, first in enumerate(range(0, total, size)):
            self.bench.say(f"{self.case.name}: comparing answers, {first:,} of {total:,}")
            yield draw(self.case, min(size, total - first), seed=self.bench.seed, block=1 + block)
