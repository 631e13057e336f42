"""A simulated site: recorded profiles as the truth, an AC power flow as physics, meters that are late and noisy.

The world's state is small and exact (`WorldState`), so that a run that was killed goes on where it stood. All chance
comes from the seed and the number of the interval: interval 17 has the same noise in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries
from gridloop.io.simbench import Profiles
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.operate.drill import Drill
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import Interval, Setpoints, Status
from gridloop.operate.stores import Stores
from gridloop.operate.world import WorldState
from gridloop.powerflow.sensitivity import current_magnitudes
from gridloop.powerflow.solve import Solution, branch_powers, solve
from gridloop.units import BASE_MVA, ComplexArray, FloatArray

FULL_MWH = 1e-9
GOOD, MISSING = 0, 3


class SimulatedSite:
    """The world of one day."""

    def __init__(
        self,
        network: Network,
        profiles: Profiles,
        sessions: pd.DataFrame,
        settings: SiteSettings,
        times: pd.DatetimeIndex,
        state: WorldState | None = None,
    ) -> None:
        """times: starts of the day's intervals (UTC). Raises `GapInSeries` where the truth of the day is missing."""
        self.network, self.sessions, self.settings, self.times = network, sessions, settings, times
        self.hours = settings.loop.step_min / 60.0
        self._load = _truth(profiles.load_mw, times, "load_mw")
        self._load_q = _truth(profiles.load_mvar, times, "load_mvar")
        self._available = np.clip(_truth(profiles.generation_mw, times, "generation_mw"), 0.0, None)
        self._arrays = build_arrays(network)
        self._arrays_at: dict[tuple[int, ...], NetworkArrays] = {}
        self._session_node = self._nodes(sessions["bus"])
        self._told: list[tuple[pd.Timestamp, FloatArray]] = []
        self._drill = Drill(settings)
        self.state = state or self._first_state()

    def _first_state(self) -> WorldState:
        storage = self.network.storage
        stored = storage["capacity_mwh"].to_numpy(dtype=float) * self.settings.devices.initial_soc
        left = {str(i): float(e) for i, e in self.sessions["energy_mwh"].items()}
        taps = {str(i): int(p) for i, p in self.network.transformer["tap_pos"].items()}
        return WorldState(tuple(stored), left, taps, 0)

    # ----- what the site says ------------------------------------------------------------------

    def status(self, at: pd.Timestamp) -> Status:
        """States of charge with a little noise, taps, and the vehicles plugged in now with what their drivers said."""
        rng = self._rng("status", self.state.interval)
        storage = self.network.storage
        capacity = storage["capacity_mwh"].to_numpy(dtype=float)
        noise = rng.normal(0.0, self.settings.readings.soc_noise_pct / 100.0, len(storage))
        soc = np.clip(np.asarray(self.state.stored_mwh) / np.where(capacity > 0, capacity, 1.0) + noise, 0.0, 1.0)
        s = self.sessions
        here = s[(s["arrival"] <= at) & (s["departure"] > at)].copy()
        left = pd.Series({i: self.state.ev_left_mwh[i] for i in here.index}, dtype=float)
        if "user_departure" in here:
            said = here["user_departure"].fillna(here["departure"])
            # A driver who overstays is expected to leave any moment.
            here["departure"] = said.where(said > at, at + pd.Timedelta(hours=self.hours))
        here["energy_mwh"] = left
        known = here[here["energy_mwh"] > FULL_MWH][["bus", "arrival", "departure", "energy_mwh", "max_charge_mw"]]
        return Status(at, dict(zip(storage.index, soc.tolist(), strict=True)), dict(self.state.tap_pos), known)

    def readings(self, at: pd.Timestamp) -> pd.DataFrame:
        """Mean power of every load and generator in the intervals that became known since the last call."""
        delay = pd.Timedelta(seconds=self.settings.readings.delay_s)
        step = pd.Timedelta(hours=self.hours)
        known = [(t, v) for t, v in self._told if t + step + delay <= at]
        self._told = [(t, v) for t, v in self._told if t + step + delay > at]
        if not known:
            return _no_readings()
        points = self._points()
        n = len(points)
        said = pd.DataFrame(
            {
                "point": np.tile(np.asarray(points, dtype=object), len(known)),
                "valid_at": pd.DatetimeIndex([t for t, _ in known for _ in range(n)]).as_unit("ns"),
                "known_at": pd.DatetimeIndex([t + step + delay for t, _ in known for _ in range(n)]).as_unit("ns"),
                "value": np.concatenate([v for _, v in known]),
                "quality": np.full(n * len(known), GOOD, dtype=np.int8),
            }
        )
        return self._drill.readings(said, dict(zip(points, self._held(), strict=True)))

    def _held(self) -> FloatArray:
        """What meters hang at in a drill: what they would have read, undisturbed, when it began. [point]"""
        k = min(int(self.times.searchsorted(self._drill.first)), len(self.times) - 1)
        return np.concatenate([self._load[k], self._load_q[k], self._available[k]])

    def _points(self) -> list[str]:
        loads = [f"{i}/p_mw" for i in self.network.load.index] + [f"{i}/q_mvar" for i in self.network.load.index]
        return loads + [f"{i}/p_mw" for i in self.network.generator.index]

    def remember(self, readings: list[tuple[pd.Timestamp, FloatArray]]) -> None:
        """Readings that were taken but not yet known when a run was cut off: made again from truth and seed."""
        self._told = readings

    def untold(self) -> list[tuple[pd.Timestamp, FloatArray]]:
        """Readings taken and not yet known."""
        return list(self._told)

    # ----- what the site does ------------------------------------------------------------------

    def apply(self, setpoints: Setpoints, at: pd.Timestamp) -> Interval:
        """Run one interval of the world; physics limits what was asked."""
        k = self.state.interval
        load, load_q, available = self._load[k], self._load_q[k], self._available[k]
        shed = np.minimum(values_of(setpoints.unserved_mw, self.network.load.index, 0.0), np.clip(load, 0, None))
        ratio = np.divide(load_q, load, out=np.zeros_like(load), where=np.abs(load) > 1e-12)
        served, served_q = load - shed, load_q - ratio * shed
        power = np.minimum(available, values_of(setpoints.generator_max_mw, self.network.generator.index, np.inf))
        reactive = values_of(setpoints.generator_q_mvar, self.network.generator.index, 0.0)
        battery, stored = self._run_batteries(setpoints)
        ev, left, short = self._run_vehicles(setpoints, at)
        taps = {**self.state.tap_pos, **{i: int(p) for i, p in setpoints.tap_pos.items()}}
        moves = sum(abs(taps[i] - self.state.tap_pos[i]) for i in taps)
        arrays = self._at_taps(taps)
        solution = self._flow(arrays, served + 1j * served_q, power + 1j * reactive, battery, ev)
        self.state = replace(self.state, stored_mwh=tuple(stored), ev_left_mwh=left, tap_pos=taps, interval=k + 1)
        self._take_readings(k, at, served, served_q, power)
        totals = self._totals(arrays, solution, k, served, shed, power, battery, ev) | self._moved(
            at, moves, short, stored, battery, reactive
        )
        return self._interval(arrays, solution, at, totals, served, served_q, power)

    def _moved(
        self, at: pd.Timestamp, moves: int, short: float, stored: FloatArray, battery: FloatArray, reactive: FloatArray
    ) -> dict[str, float]:
        """Totals of what devices did in an interval."""
        return {
            "tap_moves": float(moves),
            "ev_short_mwh": short,
            "ev_owed_mwh": self._owed(at + pd.Timedelta(hours=self.hours)),
            "stored_mwh": float(sum(stored)),
            "discharged_mwh": float(np.clip(-battery, 0, None).sum() * self.hours),
            "reactive_mvarh": float(np.abs(reactive).sum() * self.hours),
        }

    def _run_batteries(self, setpoints: Setpoints) -> tuple[FloatArray, FloatArray]:
        """Power that batteries really take [MW] and what they then hold [MWh]; both stop at full and empty."""
        asked, stores = values_of(setpoints.battery_mw, self.network.storage.index, 0.0), self._stores()
        power = np.clip(asked, -stores.most_discharge, stores.most_charge) + 0.0  # no zero with a sign
        return power, stores.after(power)

    def _stores(self) -> Stores:
        return Stores.of(self.network.storage, np.asarray(self.state.stored_mwh), self.hours)

    def _run_vehicles(self, setpoints: Setpoints, at: pd.Timestamp) -> tuple[FloatArray, dict[str, float], float]:
        """Power of every session [MW], what is left to charge [MWh], and what leaves uncharged now [MWh]."""
        s, h = self.sessions, self.hours
        end = at + pd.Timedelta(hours=h)
        left = dict(self.state.ev_left_mwh)
        power = np.zeros(len(s))
        arrival, departure = pd.DatetimeIndex(s["arrival"]), pd.DatetimeIndex(s["departure"])
        present = (np.minimum(departure.asi8, end.value) - np.maximum(arrival.asi8, at.value)) / (end.value - at.value)
        short = 0.0
        for k in np.flatnonzero(present > 0).tolist():
            name = str(s.index[k])
            most = float(s["max_charge_mw"].iloc[k]) * float(present[k])
            asked = setpoints.ev_mw.get(name, most)
            power[k] = max(0.0, min(asked, most, left[name] / h))
            left[name] = max(0.0, left[name] - power[k] * h)
            if departure[k] <= end:
                short += left[name]
                left[name] = 0.0
        return power, left, short

    def _owed(self, at: pd.Timestamp) -> float:
        """Energy that the vehicles plugged in at that moment are still owed. [MWh]"""
        s = self.sessions
        here = s.index[(s["arrival"] < at) & (s["departure"] > at)]
        return float(sum(self.state.ev_left_mwh[i] for i in here))

    def _flow(
        self, arrays: NetworkArrays, load: ComplexArray, generation: ComplexArray, battery: FloatArray, ev: FloatArray
    ) -> Solution:
        # From a fresh start every time: a warm start would make the last bits depend on the interval before.
        return solve(arrays, self._injected(arrays, load, generation, battery, ev) / BASE_MVA, tolerance=1e-9)

    def _injected(
        self, arrays: NetworkArrays, load: ComplexArray, generation: ComplexArray, battery: FloatArray, ev: FloatArray
    ) -> ComplexArray:
        """What everybody but the sources injects. [node], MVA"""
        total = (
            arrays.sum_to_nodes("generator", generation)
            - arrays.sum_to_nodes("load", load)
            - arrays.sum_to_nodes("storage", battery)
        )
        on = self._session_node != NO_NODE
        np.add.at(total, self._session_node[on], -ev[on])
        return total

    def _totals(
        self,
        arrays: NetworkArrays,
        solution: Solution,
        k: int,
        served: FloatArray,
        shed: FloatArray,
        power: FloatArray,
        battery: FloatArray,
        ev: FloatArray,
    ) -> dict[str, float]:
        kind = self.network.generator["kind"].to_numpy(dtype=object)
        injected = float(power.sum()) - float(served.sum()) - float(battery.sum()) - float(ev.sum())
        losses = float(np.nansum(solution.injected[:, 0].real)) * BASE_MVA
        net_import = losses - injected
        solar, wind = kind == "solar", kind == "wind"
        return {
            "load_mw": float(served.sum()),
            "solar_mw": float(power[solar].sum()),
            "wind_mw": float(power[wind].sum()),
            "other_mw": float(power[~solar & ~wind].sum()),
            "ev_mw": float(ev.sum()),
            "battery_mw": float(battery.sum()),
            "import_mw": max(0.0, net_import),
            "export_mw": max(0.0, -net_import),
            "losses_mw": losses,
            "curtailed_mw": float(self._available[k].sum() - power.sum()),
            "unserved_mw": float(shed.sum()),
        }

    def _interval(
        self,
        arrays: NetworkArrays,
        solution: Solution,
        at: pd.Timestamp,
        totals: dict[str, float],
        load: FloatArray,
        load_q: FloatArray,
        power: FloatArray,
    ) -> Interval:
        v = solution.v[:, 0]
        node = arrays.topology.node_of
        v_bus = np.where(node == NO_NODE, np.nan, np.abs(v)[np.where(node == NO_NODE, 0, node)])
        share = 100.0 * current_magnitudes(arrays.branches, solution.v)[:, :, 0] / arrays.branches.rating_pu
        tail = branch_powers(arrays.branches, solution.v)[0][:, 0].real * BASE_MVA
        return Interval(
            at, self.hours, totals, load, load_q, power, v_bus, np.fmax(share[:, 0], share[:, 1]), tail,
            bool(solution.converged.all()),
        )  # fmt: skip

    def _take_readings(self, k: int, at: pd.Timestamp, load: FloatArray, load_q: FloatArray, power: FloatArray) -> None:
        truth = np.concatenate([load, load_q, power])
        noise = self._rng("readings", k).normal(1.0, self.settings.readings.noise_pct / 100.0, truth.size)
        self._told.append((at, truth * noise))

    # ----- small help ---------------------------------------------------------------------------

    def _at_taps(self, taps: Mapping[str, int]) -> NetworkArrays:
        key = tuple(taps.values())
        if key not in self._arrays_at:
            self._arrays_at[key] = self._arrays.with_taps(self.network, taps) if taps else self._arrays
        return self._arrays_at[key]

    def _nodes(self, buses: pd.Series) -> np.ndarray:
        rows = self.network.bus.index.get_indexer(pd.Index(buses))
        return np.asarray(self._arrays.topology.node_of[rows])

    def _rng(self, purpose: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, _PURPOSES[purpose], number])


_PURPOSES = {"status": 1, "readings": 2, "sync": 3}


def _truth(table: pd.DataFrame, times: pd.DatetimeIndex, what: str) -> FloatArray:
    values = table.reindex(times)
    gaps = values.isna()
    if gaps.to_numpy().any():
        worst = gaps.sum().sort_values(ascending=False)
        raise GapInSeries(
            f"{int(gaps.to_numpy().sum())} values of {what} are missing on that day, most for {worst.index[0]} "
            f"({int(worst.iloc[0])} of {len(times)}). A simulated day needs its truth: choose another day.",
            element=str(worst.index[0]),
        )
    return values.to_numpy(dtype=float)


def values_of(named: Mapping[str, float], ids: pd.Index, default: float) -> FloatArray:
    """What is asked of each, the default where nothing is. [id]"""
    return np.array([named.get(i, default) for i in ids], dtype=float)


def _no_readings() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "point": np.array([], dtype=object),
            "valid_at": pd.DatetimeIndex([], tz="UTC").as_unit("ns"),
            "known_at": pd.DatetimeIndex([], tz="UTC").as_unit("ns"),
            "value": np.array([], dtype=float),
            "quality": np.array([], dtype=np.int8),
        }
    )
