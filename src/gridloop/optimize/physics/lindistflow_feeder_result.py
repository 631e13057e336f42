"""FeederOptimalFlow: the cheapest outputs of a feeder's generators, with voltages and prices of every phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.network.feeder.model import Feeder
from gridloop.optimize.optimal_flow import GENERATOR, empty_table
from gridloop.optimize.physics.lindistflow_ac import AcCheck
from gridloop.units import IntArray, finite_or_none

BUS = ["v_pu", "angle_deg", "lmp_per_mwh", "energy_per_mwh", "congestion_per_mwh", "lmq_per_mvarh", "shadow_price"]
LINE = ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar", "losses_mw", "loading_pct", "shadow_price_per_ka"]


@dataclass(frozen=True)
class FeederOptimalFlow:
    """One optimized moment of a feeder, by multiphase LinDistFlow; tables are NaN where nothing was found.

    status       as of `OptimalFlow`
    cost         money per hour
    generator    per generator, and "source:ID": p_mw, q_mvar, cost_per_h, reason, binding, shadow_price
    bus          (bus, phase): v_pu and angle_deg to ground; lmp_per_mwh and lmq_per_mvarh, the worth of one more MWh or
                 Mvarh drawn there, the first as the sum of energy_per_mwh and congestion_per_mwh; shadow_price, what
                 one more pu of room for the voltage saves per h
    line         of all conductors: p_tail_mw, q_tail_mvar, p_head_mw, q_head_mvar, losses_mw, loading_pct of the worst,
                 shadow_price_per_ka
    conductor    (line, conductor): p_tail_mw, q_tail_mvar into it, i_tail_ka, i_head_ka
    losses_mw    estimate from the linear voltages; in no balance
    taps         [control in service] where regulators stood
    ac_check     the AC power flow with the same outputs and taps beside it; None where it was not asked for
    warnings     what looks wrong with the tables although it can be solved, such as costs that are all zero
    """

    feeder: Feeder
    physics: str
    status: str
    cost: float
    generator: pd.DataFrame
    bus: pd.DataFrame
    line: pd.DataFrame
    conductor: pd.DataFrame
    losses_mw: float
    taps: IntArray
    ac_check: AcCheck | None = None
    diagnosis: Diagnosis | None = None
    build_s: float = 0.0
    solve_s: float = 0.0
    iterations: int = 0
    violations_max_pu: float = math.nan
    warnings: tuple[str, ...] = ()

    @property
    def solved(self) -> bool:
        """True where there is an optimum to read."""
        return self.status == "optimal"

    @property
    def lmp(self) -> pd.Series:
        """Worth of one more MWh at every node."""
        return self.bus["lmp_per_mwh"]

    def to_dict(self) -> dict[str, Any]:
        """What `gridloop opf --json` prints, with the keys of `OptimalFlow`: numbers that are missing are None.

        Emissions are None: the tables of a feeder have none. Prices are by "BUS.PHASE".
        """
        check = self.ac_check
        return {
            "objective": finite_or_none(self.cost),
            "status": self.status,
            "physics": self.physics,
            "solve_s": self.solve_s,
            "build_s": self.build_s,
            "iterations": self.iterations,
            "losses_mw": finite_or_none(self.losses_mw),
            "emissions_t": None,
            "lmp": {
                ".".join(map(str, node)): finite_or_none(price)
                for node, price in zip(self.lmp.index, self.lmp, strict=True)
            },
            "violations_max_pu": finite_or_none(self.violations_max_pu),
            "ac_v_difference_pu": None if check is None else finite_or_none(check.v_difference_pu),
            "diagnosis": None if self.diagnosis is None else str(self.diagnosis),
            "warnings": list(self.warnings),
        }


def without_feeder_answer(
    feeder: Feeder,
    status: str,
    diagnosis: Diagnosis,
    *,
    build_s: float = 0.0,
    solve_s: float = 0.0,
    iterations: int = 0,
) -> FeederOptimalFlow:
    """A `FeederOptimalFlow` that says why there is none: all numbers missing."""
    nodes = [(bus, int(t)) for bus, text in feeder.bus["phases"].items() for t in str(text).split(".") if int(t)]
    every = pd.MultiIndex.from_tuples(nodes, names=["bus", "phase"])
    none = pd.MultiIndex.from_arrays([[], []], names=["line", "conductor"])
    return FeederOptimalFlow(
        feeder=feeder,
        physics="lindistflow",
        status=status,
        cost=math.nan,
        generator=empty_table(feeder.generator.index, GENERATOR),
        bus=empty_table(every, BUS),
        line=empty_table(feeder.line.index, LINE),
        conductor=empty_table(none, ["p_tail_mw", "q_tail_mvar", "i_tail_ka", "i_head_ka"]),
        losses_mw=math.nan,
        taps=np.zeros(0, dtype=np.int64),
        diagnosis=diagnosis,
        build_s=build_s,
        solve_s=solve_s,
        iterations=iterations,
    )
