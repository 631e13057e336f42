"""A simulated site whose connection opens: the grid-forming source holds it, relays protect it, a synchroniser closes.

While the connection is closed this is `SimulatedSite`, bit for bit. When the grid above is lost, nobody is told: the
set-points of that interval were made for another world. What happens first happens by itself (`island_hold.py`). Then
an AC flow is solved with the source as the slack; what exceeds its power, rating or energy is taken off, vehicles
before loads and the last class first. The loop hears of it when it next asks how things are. An island that went dark
comes back by a black start that somebody orders (`island_restore.py`), or with the grid. When that is back, the breaker
closes only within its window, or onto an island without voltage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.io.simbench import Profiles
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.operate.island_grid import NOMINAL_HZ
from gridloop.operate.island_hold import Done, HoldingGrid
from gridloop.operate.island_relays import SAME_MW
from gridloop.operate.island_settings import RANKS
from gridloop.operate.island_told import NOT, Rows, Told, closing_events
from gridloop.operate.link import LinkStatus
from gridloop.operate.settings import SiteSettings
from gridloop.operate.simulated import MISSING
from gridloop.operate.site import Interval, Setpoints, Status
from gridloop.operate.world import WorldState
from gridloop.optimize.microgrid.resync import Closing, Side, Synchroniser, SyncWindow, resynchronise
from gridloop.series.clock import day_start
from gridloop.units import FloatArray


class IslandSite(HoldingGrid):
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
            tuple(state["black"]), dict(state["warm_h"]),
        )  # fmt: skip

    def _grid_hz(self) -> float:
        opened = self._memory().get("opened", 0)
        return self.plan.grid_hz if opened else NOMINAL_HZ

    def _memory(self) -> dict[str, Any]:
        fresh = {"closed": True, "hz": NOMINAL_HZ, "v": 1.0, "tie_v": 1.0, "former_mw": 0.0, "open_h": 0.0,
                 "dark": False, "hours_off": {}, "off_h": {}, "opened": 0, "black": [], "warm_h": {}}  # fmt: skip
        return fresh | dict(self.state.island or {})

    # ----- what the site does ------------------------------------------------------------------

    def apply(self, setpoints: Setpoints, at: pd.Timestamp) -> Interval:
        """One interval, connected or as an island; physics and relays limit what was asked."""
        memory, alive = self._memory(), not self.first <= at < self.end
        if memory["closed"] and alive:
            interval = super().apply(setpoints, at)
            said = Told(True, NOMINAL_HZ, NOMINAL_HZ, NOMINAL_HZ, 0.0)
            return replace(interval, island=self._told_rows(said, interval.load_mw))
        return self._island(setpoints, at, memory, alive)

    def _island(self, setpoints: Setpoints, at: pd.Timestamp, memory: dict[str, Any], alive: bool) -> Interval:
        opens = bool(memory["closed"])
        hz = setpoints.form_hz.get(self.former.id, NOMINAL_HZ if opens else memory["hz"])
        volt = setpoints.form_v_pu.get(self.former.id, 1.0 if opens else memory["v"])
        taps = {**self.state.tap_pos, **{i: int(p) for i, p in setpoints.tap_pos.items()}}
        if memory["dark"] or memory["black"]:
            arrays = self._island_at(taps, volt)
            course = self._restore(setpoints, at, memory, arrays, hz)
            return self._tell(setpoints, at, memory, alive, (hz, volt), taps, arrays, self._of_course(course, hz))
        may_close = alive and setpoints.close_tie.get("connection", 1.0) > 0
        volt, arrays, done = self._hold(setpoints, at, memory, may_close, (hz, volt), taps)
        return self._tell(setpoints, at, memory, alive, (hz, volt), taps, arrays, done)

    def _tell(
        self, setpoints: Setpoints, at: pd.Timestamp, memory: dict[str, Any], alive: bool, form: tuple[float, float],
        taps: dict[str, int], arrays: NetworkArrays, done: Done,
    ) -> Interval:  # fmt: skip
        """Try to close, keep the state, and say what the interval was."""
        k, h, (hz, volt), found = self.state.interval, self.hours, form, done.found
        load, available = self._load[k], self._available[k]
        moves = sum(abs(taps[i] - self.state.tap_pos[i]) for i in taps)
        left_state, short, ev = self._charged(setpoints, at, found)
        dark = done.dark_now
        tie, events = 0j if dark else self._tie_voltage(found), list(done.events)
        may_close = alive and setpoints.close_tie.get("connection", 1.0) > 0
        closing = None
        if may_close:
            closing = self._onto_dark(at) if done.dark_now else self._close(hz, tie, at)
            events += closing_events(closing)
        closed = closing is not None and closing.closed
        off_now = (done.views[-1].load <= 1e-9) & (load > 1e-9)
        before = memory["hours_off"], memory["off_h"]
        hours_off = {i: float(before[0].get(i, 0.0)) + float(o)
                     for i, o in zip(self._load_ids, done.hours_off, strict=True)}  # fmt: skip
        off_h = {i: float(before[1].get(i, 0.0)) + h for i, o in zip(self._load_ids, off_now, strict=True) if o}
        kept = {
            "closed": closed, "hz": NOMINAL_HZ if closed else hz, "v": 1.0 if closed else volt,
            "tie_v": float(abs(tie)),
            "former_mw": -float(done.views[-1].battery[self._row]), "open_h": 0.0 if closed else memory["open_h"] + h,
            "dark": dark and not closed, "hours_off": {} if closed else {i: v for i, v in hours_off.items() if v},
            "off_h": {} if closed else off_h, "opened": 1, "black": [] if closed else list(done.black),
            "warm_h": {} if closed else dict(done.warm_h),
        }  # fmt: skip
        self.state = replace(
            self.state, stored_mwh=tuple(done.stored), ev_left_mwh=left_state, tap_pos=taps, interval=k + 1, island=kept
        )
        lost = done.hours_off > 0
        self._take_readings(k, at, found.load, found.load_q, found.power)
        self._told[-1][1][np.concatenate([lost, lost, found.power < available - SAME_MW])] = np.nan
        totals, balance = self._sums(arrays, k, done, ev)
        totals |= self._moved(at, moves, short, done.stored, found.battery, found.reactive)
        interval = self._seen(arrays, at, totals, done)
        low, high = (0.0, 0.0) if dark else self._before
        takes = float(done.views[-1].battery[self._row])
        held = (NOT, NOT, NOT) if found.dark else (hz, done.hz_min, done.hz_max)
        said = Told(
            False, *held, balance, -float(found.battery[self._row]), None if dark else abs(tie),
            (takes - low, high - takes), done.swing, closing, self.window, done.dark_h,
            self.former.min_soc,
        )  # fmt: skip
        rows = (*self._told_rows(said, done.base), *done.rows)
        return replace(interval, island=rows, events=tuple(events))

    # ----- the breaker ---------------------------------------------------------------------------

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

    def _onto_dark(self, at: pd.Timestamp) -> Closing:
        """The breaker closes onto an island without voltage once the grid has been back for long enough."""
        back = max(0.0, (at - self.end) / pd.Timedelta(seconds=1))
        wait = max(0.0, self.window.healthy_s - back)
        done = wait < self.hours * 3600.0
        why = None if done else Diagnosis(
            "not_healthy", [f"The grid has been healthy for {back:.0f} of {self.window.healthy_s:.0f} s."],
            f"It takes {wait:.0f} s more.",
        )  # fmt: skip
        return Closing(wait if done else NOT, NOT, NOT, NOT, (), Side(0.0, 0.0), why)

    def _told_rows(self, said: Told, served: FloatArray) -> Rows:
        """What the report shows of an interval. served [load] MW"""
        wanted = self._load[self.state.interval - 1]
        capacity = float(self.network.storage["capacity_mwh"].iloc[self._row])
        classes = {
            name: (float(wanted[self.rank == rank].sum()), float(served[self.rank == rank].sum()))
            for rank, name in enumerate(RANKS)
        }
        return said.rows(self.former.id, self.state.stored_mwh[self._row] / capacity, classes)
