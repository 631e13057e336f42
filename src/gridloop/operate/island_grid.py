"""The AC state behind an open connection: the grid-forming source as slack, everybody within what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.io.simbench import Profiles
from gridloop.network.arrays import NetworkArrays, build_arrays
from gridloop.network.model import Network
from gridloop.operate.island_relays import SAME_MW, give_way, take_off
from gridloop.operate.island_settings import IslandSettings
from gridloop.operate.settings import SiteSettings
from gridloop.operate.simulated import SimulatedSite
from gridloop.operate.site import Setpoints
from gridloop.operate.stores import Stores
from gridloop.operate.world import WorldState
from gridloop.optimize.microgrid.machine import SwingMachine
from gridloop.powerflow.solve import Solution
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray

NOMINAL_HZ = 50.0
ROUNDS = 40
CURTAILABLE = ("solar", "wind")
Q_SHARE = 0.6
"""Share of its rating that the source may be asked for in reactive power before plants leave their set-points."""


@dataclass
class Balance:
    """What an islanded interval settles at. [load], [generator], [storage], [session] in MW, charging positive"""

    load: FloatArray
    load_q: FloatArray
    power: FloatArray
    reactive: FloatArray
    battery: FloatArray
    ev: FloatArray
    solution: Solution
    dark: bool = False


class IslandGrid(SimulatedSite):
    """A simulated site with a source that can form the grid; `settings.island` says which."""

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
        assert settings.island is not None
        self.plan: IslandSettings = settings.island
        self.former = self.plan.source(network.storage)
        self._load_ids = [str(i) for i in network.load.index]
        ranks = self.plan.ranks(self._load_ids)
        self.rank = np.array([ranks[i] for i in self._load_ids])
        super().__init__(network, profiles, sessions, settings, times, state)
        self._batteries = [str(i) for i in network.storage.index]
        self._row = self._batteries.index(self.former.id)
        self._floors = network.storage["min_soc"].to_numpy(dtype=float, copy=True)
        self._floors[self._row] = self.former.min_soc
        changed: dict[str, dict[str, object]] = {str(i): {"in_service": False} for i in network.source.index[1:]}
        changed[str(network.source.index[0])] = {"bus": self.former.bus}
        moved = network.edit("source", changed, author="site", time=times[0], reason="the connection is open")
        self._island_arrays = build_arrays(moved)
        kind = network.generator["kind"].to_numpy(dtype=object)
        self._curtailable = np.isin(kind, CURTAILABLE)

    def _island_at(self, taps: Mapping[str, int], volt: float) -> NetworkArrays:
        arrays = self._island_arrays.with_taps(self.network, taps) if taps else self._island_arrays
        return replace(arrays, v_source=np.full(arrays.source.size, volt, dtype=complex))

    def _settle(
        self, arrays: NetworkArrays, load: FloatArray, load_q: FloatArray, shed: FloatArray, off: BoolArray,
        power: FloatArray, reactive: FloatArray, battery: FloatArray, ev: FloatArray, stored: FloatArray, hours: float,
        starting: bool = False,
    ) -> Balance:  # fmt: skip
        """The AC state with the source as slack, within what it can do; dark where nothing is.

        No load is served from below its floor; what is there holds the voltage alone, for plants to come back to. An
        island in which nobody is served and nothing is generated goes dark, unless it is `starting`.

        stored, hours  what the batteries hold [storage], for how long they have to last
        """
        shed, off, power, ev = shed.copy(), off.copy(), power.copy(), ev.copy()
        others = battery.copy()
        others[self._row] = 0.0
        above = Stores.of(self.network.storage, stored, hours, self._floors)
        alone = Stores.of(self.network.storage, stored, hours)
        self._most_mw = above.most_discharge
        ratio = np.divide(load_q, load, out=np.zeros_like(load), where=np.abs(load) > 1e-12)
        for _ in range(ROUNDS):
            served = load - shed
            somebody = bool((served > SAME_MW).any() or (ev > SAME_MW).any())
            stores = above if somebody else alone
            low, high = -float(stores.most_discharge[self._row]), float(stores.most_charge[self._row])
            self._before = low, high
            if not (somebody or starting) and (load > SAME_MW).any() and not (power > SAME_MW).any():
                break
            demand, given = complex_power(served, ratio * served), complex_power(power, reactive)
            solution = self._flow(arrays, demand, given, others, ev)
            if solution.converged.all():
                slack = complex(solution.injected[arrays.source[0], 0]) * BASE_MVA - self._others_at(
                    arrays, demand, given, others, ev
                )
                reach = np.sqrt(max(0.0, self.former.s_mva**2 - slack.imag**2))
                least, most = max(low, -reach), min(high, reach)
                takes = -slack.real
                if abs(slack.imag) > Q_SHARE * self.former.s_mva and np.abs(reactive).any():
                    reactive = np.zeros_like(reactive)  # plants fall back to unity before the source is full of it
                    continue
                if least - SAME_MW <= takes <= most + SAME_MW:
                    others[self._row] = takes
                    return Balance(served, ratio * served, power, reactive, others, ev, solution)
                over, under = takes - most, least - takes
            else:
                over, under = -np.inf, float(np.clip(served, 0, None).sum() + ev.sum())
            if over > 0:
                if not give_way(power, others, self._curtailable, over):
                    break
            elif not take_off(load, shed, off, ev, others, self._reach(others), self.rank, under):
                break
        return self._dark(arrays)

    def _dark(self, arrays: NetworkArrays) -> Balance:
        """Nobody gets or gives anything."""
        load, power = np.zeros(len(self.network.load)), np.zeros(len(self.network.generator))
        battery, ev = np.zeros(len(self.network.storage)), np.zeros(len(self.sessions))
        nothing = complex_power(load, load), complex_power(power, power)
        return Balance(load, load, power, power, battery, ev, self._flow(arrays, *nothing, battery, ev), dark=True)

    def _others_at(
        self, arrays: NetworkArrays, load: ComplexArray, generation: ComplexArray, battery: FloatArray, ev: FloatArray
    ) -> complex:
        """What everybody else injects at the source's own node. [MVA]"""
        return complex(self._injected(arrays, load, generation, battery, ev)[arrays.source[0]])

    def _reach(self, others: FloatArray) -> FloatArray:
        """How much more the batteries beside the source could give. [storage], MW"""
        more = self._most_mw + others
        more[self._row] = 0.0
        return np.asarray(np.clip(more, 0.0, None))

    def _charged(
        self, setpoints: Setpoints, at: pd.Timestamp, found: Balance
    ) -> tuple[dict[str, float], float, FloatArray]:
        """What vehicles still want where they got less than was asked, and what leaves uncharged."""
        got = dict(zip((str(i) for i in self.sessions.index), found.ev.tolist(), strict=True))
        power, left, short = self._run_vehicles(replace(setpoints, ev_mw=got), at)
        return left, short, power

    def _stored(self, battery: FloatArray, stored: FloatArray, hours: float) -> FloatArray:
        capacity = self.network.storage["capacity_mwh"].to_numpy(dtype=float)
        return np.asarray(np.clip(Stores.of(self.network.storage, stored, hours).after(battery), 0.0, capacity))

    def _together(self, battery: FloatArray) -> SwingMachine:
        """The equivalent machine of the source and the batteries beside it, which follow its droop; inertia is its own.

        battery  what they take before [storage], MW
        """
        storage = self.network.storage
        give, take = (storage[name].to_numpy(dtype=float) for name in ("max_discharge_mw", "max_charge_mw"))
        most = self._stores().most_discharge
        most[self._row] = give[self._row]  # the source's own energy is looked at once it has settled
        beside = np.maximum(give, take)
        beside[self._row] = 0.0
        total = self.former.s_mva + float(beside.sum())
        own = self.former
        return SwingMachine(
            total, own.inertia_s * own.s_mva / total, own.damping, own.droop, own.response_s,
            float(np.clip(most + battery, 0.0, None).sum()), own.charge_mw - float(battery[self._row]), NOMINAL_HZ,
        )  # fmt: skip


def complex_power(p: FloatArray, q: FloatArray) -> ComplexArray:
    """p + jq, as the flow takes it."""
    return np.asarray(p + 1j * q, dtype=complex)
