"""A simulated site whose connection opens: the grid-forming source holds it, relays protect it, a synchroniser closes.

While the connection is closed this is `SimulatedSite`, bit for bit. When the grid above is lost, nobody is told: the
set-points of that interval were made for another world. What happens first happens by itself, as it does in a real
substation: the source takes over what the connection carried, the frequency swings (`gridloop.optimize.microgrid`),
relays shed classes of load below 49 Hz, plants give way above 50.2 Hz. Then an AC flow is solved with the source as the
slack; what exceeds its power, rating or energy is taken off, vehicles before loads and the last class first. The loop
hears of it when it next asks how things are. When the grid is back, the breaker closes only within its window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.io.simbench import Profiles
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.operate.island_grid import NOMINAL_HZ, Balance, IslandGrid, complex_power
from gridloop.operate.island_relays import SAME_MW
from gridloop.operate.island_settings import FIRST_STAGE_HZ, OVER_HZ, RANKS, STAGE_HZ
from gridloop.operate.island_told import Event, Rows, Told, closing_events, limit_events, opening_events
from gridloop.operate.link import LinkStatus
from gridloop.operate.settings import SiteSettings
from gridloop.operate.simulated import MISSING, values_of
from gridloop.operate.site import Interval, Setpoints, Status
from gridloop.operate.world import WorldState
from gridloop.optimize.microgrid.machine import Stage, Swing
from gridloop.optimize.microgrid.resync import Closing, Side, Synchroniser, SyncWindow, resynchronise
from gridloop.series.clock import day_start
from gridloop.units import BASE_MVA, BoolArray, FloatArray

FORM_V_PU = (0.95, 1.05)
MATCHED = 0.9  # of the window: how near the synchroniser brings the voltages by itself


class IslandSite(IslandGrid):
    """The world of a day in which the connection opens; `settings.island` says when."""

    def __init__(
        self,
        network: Network,
        profiles: Profiles,
        sessions: pd.DataFrame,
        settings: SiteSettings,
        times: pd.DatetimeIndex,
        state: WorldState | None = None,
    ) -> None:
        """As `SimulatedSite`. Raises `OutOfRange` for an island without a grid-forming source."""
        super().__init__(network, profiles, sessions, settings, times, state)
        midnight = day_start(settings.day, settings.timezone)
        self.first = midnight + pd.Timedelta(hours=self.plan.start_h)
        self.end = self.first + pd.Timedelta(hours=self.plan.hours)
        self.window = SyncWindow.ieee1547(self.former.s_mva)
        self.window = replace(self.window, healthy_s=self.plan.healthy_s)
        self._tie = self._arrays.source[0]
        self._grid_v = float(np.abs(self._arrays.v_source[0]))

    # ----- what the site says ------------------------------------------------------------------

    def status(self, at: pd.Timestamp) -> Status:
        """As `SimulatedSite`, with what the breaker says."""
        return replace(super().status(at), link=self._link(at))

    def readings(self, at: pd.Timestamp) -> pd.DataFrame:
        """As `SimulatedSite`; a meter without voltage, or behind a relay that acted, says nothing."""
        said = super().readings(at)
        gone = said["value"].isna()
        if gone.any():
            said.loc[gone, "quality"] = np.int8(MISSING)
        return said

    def _link(self, at: pd.Timestamp) -> LinkStatus:
        state = self._memory()
        alive = not self.first <= at < self.end
        grid = (self._grid_hz(), self._grid_v) if alive or state["closed"] else (0.0, 0.0)
        if state["closed"]:
            return LinkStatus(True, *grid, *grid, former=self.former.id)
        dark = bool(state["dark"])
        return LinkStatus(
            False, *grid, 0.0 if dark else state["hz"], 0.0 if dark else state["tie_v"], self.former.id, state["hz"],
            state["v"], state["former_mw"], state["open_h"], dark, dict(state["hours_off"]), dict(state["off_h"]),
        )  # fmt: skip

    def _grid_hz(self) -> float:
        opened = self._memory().get("opened", 0)
        return self.plan.grid_hz if opened else NOMINAL_HZ

    def _memory(self) -> dict[str, Any]:
        fresh = {"closed": True, "hz": NOMINAL_HZ, "v": 1.0, "tie_v": 1.0, "former_mw": 0.0, "open_h": 0.0,
                 "dark": False, "hours_off": {}, "off_h": {}, "opened": 0}  # fmt: skip
        return fresh | dict(self.state.island or {})

    # ----- what the site does ------------------------------------------------------------------

    def apply(self, setpoints: Setpoints, at: pd.Timestamp) -> Interval:
        """One interval, connected or as an island; physics and relays limit what was asked."""
        memory, alive = self._memory(), not self.first <= at < self.end
        if memory["closed"] and alive:
            interval = super().apply(setpoints, at)
            return replace(
                interval, island=self._told_rows(interval, Told(True, NOMINAL_HZ, NOMINAL_HZ, NOMINAL_HZ, 0.0))
            )
        return self._island(setpoints, at, memory, alive)

    def _island(self, setpoints: Setpoints, at: pd.Timestamp, memory: dict[str, Any], alive: bool) -> Interval:
        k, h = self.state.interval, self.hours
        events: list[Event] = []
        load, load_q, available = self._load[k], self._load_q[k], self._available[k]
        wanted = np.minimum(values_of(setpoints.unserved_mw, self.network.load.index, 0.0), np.clip(load, 0, None))
        opens = bool(memory["closed"])
        hz = setpoints.form_hz.get(self.former.id, NOMINAL_HZ if opens else memory["hz"])
        volt = setpoints.form_v_pu.get(self.former.id, 1.0 if opens else memory["v"])
        taps = {**self.state.tap_pos, **{i: int(p) for i, p in setpoints.tap_pos.items()}}
        moves = sum(abs(taps[i] - self.state.tap_pos[i]) for i in taps)
        arrays = self._island_at(taps, volt)
        generators = self.network.generator.index
        power = np.minimum(available, values_of(setpoints.generator_max_mw, generators, np.inf))
        reactive = values_of(setpoints.generator_q_mvar, generators, 0.0)
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
        found = self._settle(arrays, load, load_q, shed, off, power, reactive, battery, ev)
        may_close = alive and setpoints.close_tie.get("connection", 1.0) > 0
        if may_close and not found.dark:
            volt = self._matched(volt, abs(self._tie_voltage(found)))
            arrays = self._island_at(taps, volt)
            found = self._settle(arrays, load, load_q, shed, off, power, reactive, battery, ev)
        left_state, short, ev = self._charged(setpoints, at, found)
        served_off = (found.load <= 1e-9) & (load > 1e-9)
        events += self._acted(found, load, shed, power)
        stored = self._stored(found.battery)
        former_mw = -float(found.battery[self._row])
        blocks = load * (self._was_off(memory).astype(float) - served_off)  # comes back: +, goes: -
        told = -setpoints.battery_mw.get(self.former.id, -float(memory["former_mw"]))
        steps = former_mw - told, float(blocks.max(initial=0.0)), float(blocks.min(initial=0.0))
        step = 0.0 if opens or found.dark else max(steps, key=abs)
        lowest, highest = self._extremes(swing, step, float(memory["former_mw"]), hz)
        tie = self._tie_voltage(found)
        closing = None
        if may_close and not found.dark:
            closing = self._close(hz, tie, at)
            events += closing_events(closing)
        hours_off = {str(i): float(memory["hours_off"].get(str(i), 0.0)) + h * float(o)
                     for i, o in zip(self.network.load.index, served_off, strict=True)}  # fmt: skip
        off_h = {str(i): (float(memory["off_h"].get(str(i), 0.0)) + h) if o else 0.0
                 for i, o in zip(self.network.load.index, served_off, strict=True)}  # fmt: skip
        closed = closing is not None and closing.closed
        kept = {
            "closed": closed, "hz": NOMINAL_HZ if closed else hz, "v": 1.0 if closed else volt,
            "tie_v": float(abs(tie)), "former_mw": former_mw, "open_h": 0.0 if closed else float(memory["open_h"]) + h,
            "dark": found.dark, "hours_off": {} if closed else {i: v for i, v in hours_off.items() if v},
            "off_h": {} if closed else {i: v for i, v in off_h.items() if v}, "opened": 1,
        }  # fmt: skip
        self.state = replace(
            self.state, stored_mwh=tuple(stored), ev_left_mwh=left_state, tap_pos=taps, interval=k + 1, island=kept
        )
        gone = np.concatenate([served_off, served_off, found.power < available - SAME_MW])
        self._take_readings(k, at, found.load, found.load_q, found.power)
        self._told[-1][1][gone] = np.nan
        totals = self._totals(arrays, found.solution, k, found.load, load - found.load, found.power, found.battery, ev)
        balance = totals["import_mw"] - totals["export_mw"]
        totals |= {"import_mw": 0.0, "export_mw": 0.0}
        totals |= self._moved(at, moves, short, stored, found.battery, found.reactive)
        interval = self._interval(arrays, found.solution, at, totals, found.load, found.load_q, found.power)
        if found.dark:
            nothing = np.full_like(interval.v_pu, np.nan)
            flat = np.full_like(interval.loading_pct, np.nan)
            interval = replace(interval, v_pu=nothing, loading_pct=flat, branch_p_mw=flat, converged=True)
        takes, (low, high) = float(found.battery[self._row]), self._before
        said = Told(
            False, hz, lowest, highest, 0.0 if found.dark else balance, former_mw, None if found.dark else abs(tie),
            (takes - low, high - takes), swing, closing, self.window,
        )  # fmt: skip
        rows = self._told_rows(interval, said)
        return replace(interval, island=rows, events=tuple(events))

    # ----- the first seconds -------------------------------------------------------------------

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

    # ----- the breaker ---------------------------------------------------------------------------

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

    def _close(self, hz: float, tie: complex, at: pd.Timestamp) -> Closing:
        """The synchroniser's try in this interval; where the grid's angle stands is chance."""
        angle = float(self._rng("sync", self.state.interval).uniform(-180.0, 180.0))
        back = max(0.0, (at - self.end) / pd.Timedelta(seconds=1))
        seconds = self.hours * 3600.0
        island = Side(hz, abs(tie), angle)
        # The source's voltage is the loop's to lead: where it stands now, the synchroniser leaves it.
        held = Synchroniser(timeout_s=seconds, v_range_pu=(abs(tie), abs(tie)))
        grid = Side(self.plan.grid_hz, self._grid_v)
        return resynchronise(island, grid, self.window, held, healthy_since_s=back, until_s=seconds)

    def _told_rows(self, interval: Interval, said: Told) -> Rows:
        """What the report shows of an interval."""
        wanted = self._load[self.state.interval - 1]
        capacity = float(self.network.storage["capacity_mwh"].iloc[self._row])
        classes = {
            name: (float(wanted[self.rank == rank].sum()), float(interval.load_mw[self.rank == rank].sum()))
            for rank, name in enumerate(RANKS)
        }
        return said.rows(self.former.id, self.state.stored_mwh[self._row] / capacity, classes)

    def _acted(self, found: Balance, load: FloatArray, shed: FloatArray, power: FloatArray) -> list[Event]:
        """What relays did to keep the source within its limits."""
        if found.dark:
            return [("dark", self.former.id, "the island has gone dark: the source could not hold it")]
        return limit_events(float((load - shed - found.load).sum()), float((power - found.power).sum()))
