"""The answer of a contingency study: one row per case (and scenario), ranked, and any of its flows on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.kernel.newton import CONVERGED, DIVERGED, SLOW
from gridloop.network.model import Network
from gridloop.powerflow.contingency.blocks import Solved
from gridloop.powerflow.contingency.cases import Cases
from gridloop.powerflow.contingency.screen import Screened
from gridloop.powerflow.flow import Flow
from gridloop.units import BASE_MVA, BoolArray, FloatArray, IntArray

STATUS = {CONVERGED: "converged", SLOW: "not_converged", DIVERGED: "diverged"}
ISLANDED = "islanded"


@dataclass(frozen=True, eq=False)
class Contingencies:
    """What the loss of elements would do; made by `gridloop.contingencies`.

    network      the base case
    scenarios    names of the scenarios; None where there are none
    cases        solved cases; `case` and `scenario` [row] name those of each row of the table
    screened     what the DC screening left out; None where everything was solved
    base         violations that the base case has already, [scenario]
    """

    network: Network
    scenarios: pd.Index | None
    cases: Cases
    case: IntArray
    scenario: IntArray
    solved: Solved
    dark: Mapping[tuple[int, int], tuple[int, float, tuple[str, ...]]]
    places: list[tuple[IntArray, IntArray]]
    base: IntArray
    screened: Screened | None
    solve_one: Callable[[int, int], Flow]

    def __len__(self) -> int:
        return int(self.case.size)

    @property
    def converged(self) -> BoolArray:
        """True where a case was solved, islanded or not. [row]"""
        return np.asarray(self.solved.status == CONVERGED)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per case (and scenario), as they were asked for.

        contingency   names or ids of what is out; scenario, where there are any; kind: its tables
        status        converged; islanded: converged, with a part that is cut off; not_converged; diverged
        buses_lost, load_lost_mw   what is cut off
        v_min_pu, v_min_bus, v_max_pu, v_max_bus, loading_pct, loading_branch   the worst of the rest
        voltage_violations, overloads, new_violations   limits that do not hold; the last: and hold in the base case
        severity      see `gridloop.kernel.worst`; NaN without a solution
        rank          1 is the worst: no solution, then by severity, load lost, loading
        iterations, mismatch_mva   how it was solved
        """
        s, w, solved = self.solved, self.solved.worst, self.converged
        lost = [self.dark.get((int(k), int(c)), (0, 0.0, ())) for k, c in zip(self.scenario, self.case, strict=True)]
        status = np.array([STATUS[int(code)] for code in s.status], dtype=object)
        status[solved & np.array([bool(buses) for buses, _, _ in lost], dtype=bool)] = ISLANDED
        columns: dict[str, Any] = {"contingency": self.cases.named(self.network)[self.case]}
        if self.scenarios is not None:
            columns["scenario"] = self.scenarios[self.scenario]
        kinds = np.array(self.cases.kinds(len(self.network.line)), dtype=object)
        columns |= {
            "kind": kinds[self.case],
            "status": status,
            "buses_lost": np.array([buses for buses, _, _ in lost], dtype=np.int64),
            "load_lost_mw": np.array([mw for _, mw, _ in lost]),
            "v_min_pu": w.v_min,
            "v_min_bus": self._ids(w.low_at, 0),
            "v_max_pu": w.v_max,
            "v_max_bus": self._ids(w.high_at, 0),
            "loading_pct": 100 * w.loading,
            "loading_branch": self._ids(w.loaded_at, 1),
            "voltage_violations": w.v_count,
            "overloads": w.i_count,
            "new_violations": w.new,
            "severity": np.where(solved, w.severity, np.nan),
        }
        table = pd.DataFrame(columns)
        table["rank"] = _rank(solved, w.severity, table["load_lost_mw"].to_numpy(), w.loading)
        return table.assign(iterations=s.iterations, mismatch_mva=s.mismatch * BASE_MVA)

    def _ids(self, at: IntArray, kind: int) -> IntArray:
        """Ids of the buses (0) or branches (1) at these places; None where there is none."""
        net = self.network
        ids = [net.bus.index, pd.Index([*net.line.index, *net.transformer.index], dtype=object)][kind]
        names = np.array([*map(str, ids), None], dtype=object)
        row = np.full(at.size, -1, dtype=np.int64)
        for scenario, places in enumerate(self.places):
            here = (self.scenario == scenario) & (at >= 0)
            row[here] = places[kind][at[here]]
        return np.asarray(names[row])

    def worst(self, n: int = 10) -> pd.DataFrame:
        """The n worst rows of the table, the worst first."""
        return self.table.sort_values("rank", kind="stable").head(n).reset_index(drop=True)

    def violations(self) -> pd.DataFrame:
        """Rows without a solution, with supply lost, or breaking a limit that holds in the base case; worst first."""
        t = self.table
        bad = (t["status"] != "converged") | (t["new_violations"] > 0)
        return t[bad].sort_values("rank", kind="stable").reset_index(drop=True)

    def lost(self, contingency: str, scenario: Any = None) -> tuple[str, ...]:
        """Buses that a case cuts off."""
        place = self._place(contingency, scenario)
        return self.dark.get((int(self.scenario[place]), int(self.case[place])), (0, 0.0, ()))[2]

    def flow(self, contingency: str, scenario: Any = None) -> Flow:
        """The full power flow of one case: tables of buses, branches, machines, and its violations.

        contingency  its name in the table; scenario: the same, where there are any
        Raises `BadInput` where the study has no such case.
        """
        place = self._place(contingency, scenario)
        return self.solve_one(int(self.case[place]), int(self.scenario[place]))

    def _place(self, contingency: str, scenario: Any) -> int:
        named = self.table["contingency"].to_numpy() == contingency
        if self.scenarios is not None and scenario is not None:
            named &= self.table["scenario"].to_numpy() == scenario
        found = np.flatnonzero(named)
        if not found.size:
            known = [str(name) for name in self.table["contingency"].head(3)]
            raise BadInput(
                f"this study solved no contingency {contingency!r}"
                f"{'' if scenario is None else f' in scenario {scenario!r}'}; it has {len(self)}, "
                f"such as {listed(known)}.",
                contingency=contingency,
            )
        return int(found[0])

    @property
    def counts(self) -> dict[str, int]:
        """How many rows ended how."""
        status = self.table["status"]
        return {name: int((status == name).sum()) for name in ("converged", ISLANDED, "not_converged", "diverged")}

    def summary(self) -> list[str]:
        """What the study found, as sentences."""
        t, counts = self.table, self.counts
        said = [f"{len(self):,} contingencies: " + ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) + "."]
        new, broken = int((t["new_violations"] > 0).sum()), int(self.base.sum())
        said.append(f"{new:,} break limits that hold in the base case; {broken:,} are broken there already.")
        lost = t["load_lost_mw"]
        if len(lost) and lost.max() > 0:
            said.append(
                f"At most {lost.max():.1f} MW of load are cut off ({t['contingency'].iloc[int(lost.argmax())]})."
            )
        return said if self.screened is None else [*said, str(self.screened)]

    def __str__(self) -> str:
        return "\n".join([*self.summary(), *(describe(row) for row in self.worst(3).to_dict("records"))])


def describe(row: Mapping[Any, Any]) -> str:
    """One row of the table as a sentence."""
    where = f"{row['contingency']}" + (f" in {row['scenario']}" if "scenario" in row else "")
    if row["status"] in ("not_converged", "diverged"):
        return f"{row['rank']}. {where}: {row['status']}, no power flow."
    parts = []
    if row["buses_lost"]:
        parts.append(f"cuts off {row['buses_lost']} buses with {row['load_lost_mw']:.1f} MW")
    if np.isfinite(row["loading_pct"]):
        parts.append(f"{row['loading_branch']} at {row['loading_pct']:.1f} %")
    if np.isfinite(row["v_min_pu"]):
        low, high = f"{row['v_min_pu']:.4f} ({row['v_min_bus']})", f"{row['v_max_pu']:.4f} pu ({row['v_max_bus']})"
        parts.append(f"voltage {low} to {high}")
    parts.append(f"{row['new_violations']} new violations, severity {row['severity']:.3g}")
    return f"{row['rank']}. {where}: {', '.join(parts)}."


def _rank(solved: BoolArray, severity: FloatArray, lost_mw: FloatArray, loading: FloatArray) -> IntArray:
    """1 for the worst; ties go to the earlier row. Numbers are compared to nine digits: solver noise breaks no tie."""
    keys = [np.nan_to_num(np.round(x, 9)) for x in (loading, lost_mw, severity)]
    order = np.lexsort((np.arange(solved.size), *(-key for key in keys), solved))
    rank = np.empty(solved.size, dtype=np.int64)
    rank[order] = np.arange(1, solved.size + 1)
    return rank
