"""Studies of feeders on the compiled kernel, chunk by chunk, laid out around the study's own mean."""

from __future__ import annotations

from collections.abc import Mapping
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
from gridloop.kernel.spread import add_rows, fill_blocks
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.engine import STATUS, FeederEngine
from gridloop.powerflow.study.identity import fingerprint
from gridloop.powerflow.study.solver import Chunk, Grid, Values
from gridloop.units import FloatArray, IntArray

_KEYS = {"load.p_mw": 1.0, "load.q_mvar": 1.0, "generator.p_mw": -1.0, "generator.q_mvar": -1.0}


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
        s = self.arrays.s0.copy()
        for key, value in self.centre.items():
            element, sign = self._rows(key)
            on = element >= 0
            at, taken = element[on], (sign * value)[on]
            s[at] = taken + 1j * s[at].imag if key.endswith("p_mw") else s[at].real + 1j * taken
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
        names = [f"{b}.{p}" for b, p in zip(bus.index, self.arrays.phase[self._shown], strict=True)]
        low, high = (bus[name].to_numpy(dtype=float) for name in ("v_min_pu", "v_max_pu"))
        return Grid(pd.Index(names, name="node"), pd.Index([], name="branch"), low, high, STATUS)

    def elements(self, key: str) -> pd.Index:
        return self.feeder.tables[self._table(key)].index

    def nominal(self, key: str) -> FloatArray:
        return self.feeder.tables[self._table(key)][key.split(".")[1]].to_numpy(dtype=float)

    def _table(self, key: str) -> str:
        if key not in _KEYS:
            raise BadInput(
                f"{key!r} cannot vary between scenarios of a feeder; what can is {', '.join(_KEYS)}.",
                key=key,
                allowed=list(_KEYS),
            )
        return key.split(".")[0]

    def solve(self, values: Values, needs: frozenset[str] = frozenset()) -> Chunk:
        if needs:
            raise BadInput(f"Studies of feeders give voltages only, not {', '.join(sorted(needs))}.", needs=needs)
        count = next((v.shape[1] for v in values.values()), 1)
        blocks = -(-count // LANES)
        engine = self.engine
        p, q = (np.empty((blocks, engine.arrays.s0.size, LANES), np.float32) for _ in range(2))
        base = engine.arrays.s0.copy()
        rows = {key: self._rows(key) for key in values}
        for key, (element, _) in rows.items():
            at = element[element >= 0]
            base[at] = 1j * base[at].imag if key.endswith("p_mw") else base[at].real
        fill_blocks(p, base.real)
        fill_blocks(q, base.imag)
        for key, value in values.items():
            element, sign = rows[key]
            add_rows(p if key.endswith("p_mw") else q, value, element, sign, 0)
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

    def _rows(self, key: str) -> tuple[IntArray, FloatArray]:
        """Element of every row of a key's table, −1 where it is out of service; and the sign of its consumption."""
        table = self.feeder.tables[self._table(key)]
        first = 0 if key.startswith("load") else len(self.feeder.load)
        on = table["in_service"].to_numpy(dtype=bool)
        return np.where(on, first + np.arange(len(table)), -1), np.full(len(table), _KEYS[key])
