"""Studies of feeders on the compiled kernel, chunk by chunk, laid out around the study's own mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.kernel.feeder import CONVERGED as FEEDER_CONVERGED
from gridloop.kernel.feeder import RESTLESS
from gridloop.kernel.lanes import LANES
from gridloop.kernel.magnitudes import feeder_magnitudes
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.consumption import SETTABLE, Consumption
from gridloop.powerflow.feeder.engine import STATUS, FeederEngine
from gridloop.powerflow.study.identity import fingerprint
from gridloop.powerflow.study.solver import Chunk, Grid, Values
from gridloop.units import FloatArray, IntArray


@dataclass(frozen=True)
class FeederStudySolver:
    """Studies of a feeder by `gridloop.kernel.feeder`. Keys: `load` and `generator` . `p_mw`, `q_mvar`.

    controls      whether regulators move, from the taps they rest at under the consumption of `centre`
    tolerance_pu  largest error of a voltage
    centre        values by key that the feeder is laid out around; those of the tables where it has none

    A scenario that the kernel does not solve is tried by the plain solver. Raises `InvalidNetwork` where tables are
    wrong, `BadInput` where the regulators are of a kind whose moves only the plain solver follows.
    """

    feeder: Feeder
    controls: bool = False
    tolerance_pu: float = 1e-7
    max_iterations: int = 100
    centre: Mapping[str, FloatArray] = field(default_factory=dict)

    def around(self, values: Values) -> FeederStudySolver:
        """The same solver, laid out around mean values [element] by key: scenarios near them need few iterations."""
        return replace(self, centre=dict(values))

    def __post_init__(self) -> None:
        check_feeder(self.feeder).raise_errors(self.feeder.name)

    def __getstate__(self) -> dict[str, Any]:
        # The engine is made anew where it arrives: that is quick, and it holds what belongs to one machine.
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def digest(self) -> str:
        settings = (self.controls, self.tolerance_pu, self.max_iterations, self.feeder.frequency_hz)
        # The order of rows counts: draws follow it.
        return f"feeder {fingerprint([settings, dict(self.centre), dict(self.feeder.tables)])}"

    @cached_property
    def arrays(self) -> FeederArrays:
        return build_feeder_arrays(self.feeder)

    @cached_property
    def engine(self) -> FeederEngine:
        s = self._consumption(self.centre).of_one(self.centre)
        engine = FeederEngine.build(self.arrays, s, controls=self.controls)
        if not engine.able:
            raise BadInput(
                "The regulators of this feeder do not cut it into zones, so that only the plain solver can move them. "
                "Study it at fixed taps: controls=False, on the command line --no-controls."
            )
        return replace(engine, taps=engine.layout.taps)

    @cached_property
    def _shown(self) -> IntArray:
        """Nodes of buses: what a study sees."""
        return np.flatnonzero(self.arrays.bus_of >= 0)

    @cached_property
    def grid(self) -> Grid:
        bus = self.feeder.bus.iloc[self.arrays.bus_of[self._shown]]
        low, high = (bus[name].to_numpy(dtype=float) for name in ("v_min_pu", "v_max_pu"))
        return Grid(self.arrays.node_names, pd.Index([], name="branch"), low, high, STATUS)

    def elements(self, key: str) -> pd.Index:
        return self.feeder.tables[self._table(key)].index

    def nominal(self, key: str) -> FloatArray:
        return self.feeder.tables[self._table(key)][key.split(".")[1]].to_numpy(dtype=float)

    def _table(self, key: str) -> str:
        if key not in SETTABLE:
            raise BadInput(
                f"{key!r} cannot vary between scenarios of a feeder; what can is {', '.join(SETTABLE)}.",
                key=key,
                allowed=list(SETTABLE),
            )
        return key.split(".")[0]

    def solve(self, values: Values, needs: frozenset[str] = frozenset()) -> Chunk:
        if needs:
            raise BadInput(f"Studies of feeders give voltages only, not {', '.join(sorted(needs))}.", needs=needs)
        count = next((v.shape[1] for v in values.values()), 1)
        blocks = -(-count // LANES)
        engine = self.engine
        p, q = self._consumption(values).in_blocks(values, 0, blocks)
        answer = engine.new_answer(blocks)
        engine.solve(p, q, answer, self.tolerance_pu, self.max_iterations)
        shown = self._shown
        v = np.empty((shown.size, count), np.float32)
        layout = engine.layout
        feeder_magnitudes(answer.d, layout.row_of[shown], layout.v0[shown], v)
        status, iterations = answer.status[:count].copy(), answer.iterations[:count].copy()
        for k in np.flatnonzero((status != FEEDER_CONVERGED) & (status != RESTLESS)):
            s = (p[k // LANES, :, k % LANES] + 1j * q[k // LANES, :, k % LANES]).astype(complex)
            if np.isfinite(s).all():
                plain, _, status[k], iterations[k] = engine.solve_plainly(s, self.tolerance_pu)
                v[:, k] = np.abs(plain[shown])
        v[~self.arrays.supplied[shown]] = np.nan
        return Chunk(v, status, iterations)

    def _consumption(self, keys: Iterable[str]) -> Consumption:
        """Of scenarios that set all rows of these keys."""
        rows = {key: np.arange(len(self.elements(key))) for key in keys}
        return Consumption.of(self.feeder, self.arrays, rows)
