"""An interval of an island that has its voltage: the first seconds when it opens, relays, one AC state, and the sums.

When the grid above is lost, what happens first happens by itself: the source takes over what the connection carried,
the frequency swings (`gridloop.optimize.microgrid`), relays shed classes of load below 49 Hz, plants give way above
50.2 Hz, and beyond the range that machines stand the source itself trips: the island is dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.network.arrays import NetworkArrays
from gridloop.operate.island_grid import NOMINAL_HZ, Balance, complex_power
from gridloop.operate.island_relays import SAME_MW
from gridloop.operate.island_restore import Course, RestoringGrid, mean_of
from gridloop.operate.island_settings import FIRST_STAGE_HZ, LAST_HZ, OVER_HZ, RANKS, STAGE_HZ
from gridloop.operate.island_told import Event, Rows, limit_events, opening_events
from gridloop.operate.simulated import values_of
from gridloop.operate.site import Interval, Setpoints
from gridloop.optimize.microgrid.black_start import WARM
from gridloop.optimize.microgrid.machine import Stage, Swing
from gridloop.optimize.microgrid.resync import SyncWindow
from gridloop.units import BASE_MVA, BoolArray, FloatArray

FORM_V_PU = (0.95, 1.05)
MATCHED = 0.9  # of the window: how near the synchroniser brings the voltages by itself


@dataclass(frozen=True)
class Done:
    """What an islanded interval came to.

    found, base   its mean; what loads got of it without the excess of cold ones [load]
    stored        [storage] MWh at its end
    views         AC states in it whose limits count, the last one at its end
    parts         share of the interval and AC state, where there was more than one
    hours_off     [load]  in it
    black, warm_h  who waits to be switched on, and for how long the others have been
    """

    found: Balance
    base: FloatArray
    stored: FloatArray
    views: tuple[Balance, ...]
    hours_off: FloatArray
    hz_min: float
    hz_max: float
    dark_h: float
    black: tuple[str, ...]
    warm_h: Mapping[str, float]
    swing: Swing | None
    events: tuple[Event, ...]
    rows: Rows = ()
    parts: tuple[tuple[float, Balance], ...] = field(default=())

    @property
    def dark_now(self) -> bool:
        """Whether it ends without voltage."""
        return self.parts[-1][1].dark if self.parts else self.found.dark


class HoldingGrid(RestoringGrid):
    """An island with voltage, or on its way to it; the breaker is not its business."""

    _tie: int
    _grid_v: float
    window: SyncWindow

    def _hold(
        self, setpoints: Setpoints, at: pd.Timestamp, memory: dict[str, Any], may_close: bool,
        form: tuple[float, float], taps: Mapping[str, int],
    ) -> tuple[float, NetworkArrays, Done]:  # fmt: skip
        """An interval with voltage from its beginning: one AC state."""
        k, h = self.state.interval, self.hours
        opens, (hz, volt), events = bool(memory["closed"]), form, list[Event]()
        arrays, stored = self._island_at(taps, volt), np.asarray(self.state.stored_mwh)
        excess = self._excess(memory["warm_h"], h)
        load, load_q, available = self._load[k] * excess, self._load_q[k] * excess, self._available[k]
        wanted = np.minimum(values_of(setpoints.unserved_mw, self.network.load.index, 0.0), np.clip(load, 0, None))
        power = np.minimum(available, values_of(setpoints.generator_max_mw, self.network.generator.index, np.inf))
        reactive = values_of(setpoints.generator_q_mvar, self.network.generator.index, 0.0)
        battery, _ = self._run_batteries(setpoints)
        ev = self._run_vehicles(setpoints, at)[0]
        off = wanted > 0.999 * np.clip(load, 1e-12, None)
        shed = wanted.copy()
        swing = None
        if opens:
            swing, acted = self._swing(arrays, taps, load - shed, load_q, shed, load, power, reactive, battery, ev)
            for rank in acted:
                mine = (self.rank == rank) & (load > 0)
                shed, off = np.where(mine, load, shed), off | mine
            events += opening_events(swing, acted)
        if swing is not None and not LAST_HZ[0] <= swing.lowest_hz <= swing.highest_hz <= LAST_HZ[1]:
            found = self._dark(arrays)
        else:
            found = self._settle(arrays, load, load_q, shed, off, power, reactive, battery, ev, stored, h)
        if may_close and not found.dark:
            volt = self._matched(volt, abs(self._tie_voltage(found)))
            arrays = self._island_at(taps, volt)
            found = self._settle(arrays, load, load_q, shed, off, power, reactive, battery, ev, stored, h)
        events += self._acted(found, load, shed, power)
        served_off = (found.load <= 1e-9) & (load > 1e-9)
        blocks = load * (self._was_off(memory).astype(float) - served_off)  # comes back: +, goes: -
        told = -setpoints.battery_mw.get(self.former.id, -float(memory["former_mw"]))
        steps = -float(found.battery[self._row]) - told, float(blocks.max(initial=0.0)), float(blocks.min(initial=0.0))
        step = 0.0 if opens or found.dark else max(steps, key=abs)
        lowest, highest = self._extremes(swing, step, float(memory["former_mw"]), hz)
        black = tuple(self._load_ids) if found.dark else ()
        aged = {i: t + h for i, t in memory["warm_h"].items() if t + h < WARM * self.plan.cold_decay_h}
        return volt, arrays, Done(
            found, found.load / excess, self._stored(found.battery, stored, h), (found,), h * served_off, lowest,
            highest, h if found.dark else 0.0, black, {} if found.dark else aged, swing, tuple(events),
        )  # fmt: skip

    def _of_course(self, course: Course, hz: float) -> Done:
        """What a black start came to in an interval."""
        found, base = mean_of(course, self.hours)
        low = min([hz, *(s.hz_low for s in course.stretches if not s.mean.dark)])
        views = [b for s in course.stretches for b in (s.peak, s.mean) if not b.dark]
        load = self._load[self.state.interval]
        off = sum((s.hours * ((s.mean.load <= 1e-9) & (load > 1e-9)) for s in course.stretches), np.zeros(load.size))
        return Done(
            found, base, course.stored, tuple(views) or (found,), np.asarray(off), low, hz, course.dark_h,
            course.black, course.warm_h, None, course.events, self._step_rows(course),
            tuple((s.hours / self.hours, s.mean) for s in course.stretches),
        )  # fmt: skip

    def _sums(self, arrays: NetworkArrays, k: int, done: Done, ev: FloatArray) -> tuple[dict[str, float], float]:
        """Totals of the interval, and what its balance misses: of the one AC state, or the mean over the stretches."""
        found, load = done.found, self._load[k]
        if not done.parts:
            totals = self._totals(arrays, found.solution, k, found.load, load - done.base, found.power, found.battery,
                                  ev)  # fmt: skip
            balance = 0.0 if found.dark else totals["import_mw"] - totals["export_mw"]
            return totals | {"import_mw": 0.0, "export_mw": 0.0}, balance
        totals, worst = {}, 0.0
        for share, b in done.parts:
            one = self._totals(
                arrays, b.solution, k, b.load, np.clip(load - b.load, 0.0, None), b.power, b.battery, b.ev
            )
            missing = 0.0 if b.dark else one["import_mw"] - one["export_mw"]
            worst = max(worst, missing, key=abs)
            totals = {name: totals.get(name, 0.0) + share * value for name, value in one.items()}
        return totals | {"import_mw": 0.0, "export_mw": 0.0}, worst

    def _seen(self, arrays: NetworkArrays, at: pd.Timestamp, totals: dict[str, float], done: Done) -> Interval:
        """The interval as it is kept: of several AC states the voltage furthest from nominal, the highest loading."""
        found = done.found
        seen = [
            self._interval(arrays, b.solution, at, totals, found.load, found.load_q, found.power)
            for b in done.views
            if not b.dark
        ]
        if not seen:
            none = self._interval(arrays, found.solution, at, totals, found.load, found.load_q, found.power)
            v, flat = np.full_like(none.v_pu, np.nan), np.full_like(none.loading_pct, np.nan)
            return replace(none, v_pu=v, loading_pct=flat, branch_p_mw=flat, converged=True)
        v = np.stack([one.v_pu for one in seen])
        worst = np.abs(np.nan_to_num(v, nan=1.0) - 1.0).argmax(axis=0)
        return replace(
            seen[-1],
            v_pu=np.take_along_axis(v, worst[None, :], axis=0)[0],
            loading_pct=np.max(np.stack([one.loading_pct for one in seen]), axis=0),
            converged=all(one.converged for one in seen),
        )

    # ----- the first seconds ----------------------------------------------------------------------

    def _swing(
        self, arrays: NetworkArrays, taps: Mapping[str, int], served: FloatArray, load_q: FloatArray, shed: FloatArray,
        load: FloatArray, power: FloatArray, reactive: FloatArray, battery: FloatArray, ev: FloatArray,
    ) -> tuple[Swing, list[int]]:  # fmt: skip
        """What the frequency does when the connection is lost, and which classes the relays shed."""
        q = load_q * np.divide(served, load, out=np.zeros_like(load), where=np.abs(load) > 1e-12)
        connected = self._flow(
            self._at_taps(taps), complex_power(served, q), complex_power(power, reactive), battery, ev
        )
        lost = float(connected.injected[self._tie, 0].real) * BASE_MVA if connected.converged.all() else 0.0
        order = list(reversed(range(len(RANKS))))
        stages = [
            Stage(FIRST_STAGE_HZ - STAGE_HZ * n, float(np.clip(served[self.rank == rank], 0, None).sum()))
            for n, rank in enumerate(order)
        ]
        given = float(power[self._curtailable].sum() - np.clip(battery, None, 0).sum())
        machine = self._together(battery)
        swing = machine.simulate(
            lost, stages, start_hz=NOMINAL_HZ, seconds=10.0, over_hz=OVER_HZ,
            over_mw_per_hz=self.plan.over_pct_per_hz / 100.0 * given, over_max_mw=given,
        )  # fmt: skip
        return swing, [order[stage] for stage, _ in swing.shed]

    # What was told ahead is ramped in by all together; a step is what nobody foresaw, or a load that is switched.
    def _extremes(self, swing: Swing | None, step: float, before: float, hz: float) -> tuple[float, float]:
        """Lowest and highest frequency of the interval: of the opening, or of the step at its beginning."""
        if swing is not None:
            return swing.lowest_hz, swing.highest_hz
        off = self.former.machine(before, NOMINAL_HZ).nadir_hz(step)[0] if abs(step) > SAME_MW else 0.0
        return min(hz, hz + off), max(hz, hz + off)

    # ----- small help ------------------------------------------------------------------------------

    def _tie_voltage(self, found: Balance) -> complex:
        return 0j if found.dark else complex(found.solution.v[self._tie, 0])

    def _matched(self, volt: float, tie: float) -> float:
        """The source's voltage, moved by the synchroniser no further than the window asks for."""
        apart = tie - self._grid_v
        most = MATCHED * self.window.voltage_pu
        if abs(apart) <= most or tie <= 0:
            return volt
        wanted = volt * (self._grid_v + np.sign(apart) * most) / tie
        return float(np.clip(wanted, *FORM_V_PU))

    def _was_off(self, memory: Mapping[str, Any]) -> BoolArray:
        return np.array([memory["off_h"].get(str(i), 0.0) > 0 for i in self.network.load.index])

    def _acted(self, found: Balance, load: FloatArray, shed: FloatArray, power: FloatArray) -> list[Event]:
        """What relays did to keep the source within its limits."""
        if found.dark:
            return [("dark", self.former.id, "the island has gone dark: the source could not hold it")]
        return limit_events(float((load - shed - found.load).sum()), float((power - found.power).sum()))
