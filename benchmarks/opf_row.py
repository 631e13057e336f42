"""What rows of AC and of DC optimal power flow have in common: our turn, and the row in the report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.result import Rates, Row


def solve(path: Path, physics: str, facts: dict[str, Any]) -> tuple[float, float]:
    """Seconds from the file to the checked answer, and those of reading in it; `facts` gets the answer's."""
    import gridloop as gl

    began = time.perf_counter()
    net = gl.read_network(path)
    read = time.perf_counter() - began
    flow = gl.optimal_power_flow(net, physics=physics)
    took = time.perf_counter() - began
    facts.update(objective=flow.cost, status=flow.status, read_s=read, build_s=flow.build_s, solve_s=flow.solve_s)
    facts.update(iterations=flow.iterations, violation_pu=flow.violations_max_pu)
    return took, read


def row(
    benchmark: str, name: str, how: str, rates: Mapping[str, Sequence[float]], right: bool,
    facts: dict[str, Any], notes: Sequence[str],
) -> Row:  # fmt: skip
    """The row of a case. how  ours is timed;  right  whether the answer is the published one"""
    peers = {tool: Rates(tuple(found), "build and solve") for tool, found in rates.items() if tool != "gridloop"}
    return Row(
        benchmark, name, 1, Rates(tuple(rates["gridloop"]), how), peers,
        mismatch_pu=facts["violation_pu"] if right else np.inf, allowed_mismatch_pu=1e-6,
        scenarios=1, facts=facts, notes=tuple(notes),
    )  # fmt: skip
