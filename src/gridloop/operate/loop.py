"""The loop: observe, forecast, decide, send, store; one tick after the other, on the clock it is given.

Everything a tick did is in the store before the next one begins. A run that was killed goes on at the first tick that
is not complete there, with the same result: a tick depends only on what is stored, on the settings and on the seed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from gridloop.forecast.value import Forecast
from gridloop.network.model import Network
from gridloop.operate.audit import Trail
from gridloop.operate.decide.decide import INCUMBENT, Decision
from gridloop.operate.decide.islanding import decide_now
from gridloop.operate.decide.known import Groups, Known, fine_grid
from gridloop.operate.link import LinkStatus
from gridloop.operate.outlook import Outlook
from gridloop.operate.past import Past
from gridloop.operate.pricing import PriceBoard
from gridloop.operate.records import flow_rows, plan_rows, setpoint_rows, tick_row
from gridloop.operate.settings import SiteSettings
from gridloop.operate.simulated import SimulatedSite
from gridloop.operate.site import Interval, Status
from gridloop.telemetry.store import Store

CONTROLLED = "controlled"


class Clock(Protocol):
    """Where the loop takes its time from."""

    def wait_until(self, at: pd.Timestamp) -> None:
        """Return at that time, or at once where it has passed."""


class SteppingClock:
    """A clock that is always there already: for simulated and replayed days."""

    def wait_until(self, at: pd.Timestamp) -> None:
        return None


@dataclass(frozen=True)
class TickReport:
    """What a progress display shows; `clock` is local time."""

    tick: int
    ticks: int
    clock: str
    row: dict[str, object]
    decision: Decision
    wall_s: float


class Loop:
    """The loop of one day; the parts are made by `gridloop.operate.run`."""

    def __init__(
        self,
        settings: SiteSettings,
        network: Network,
        groups: Groups,
        site: SimulatedSite,
        past: Past,
        outlook: Outlook,
        prices: PriceBoard,
        store: Store,
        trail: Trail,
        times: pd.DatetimeIndex,
        clock: Clock,
    ) -> None:
        self.settings, self.network, self.groups = settings, network, groups
        self.site, self.past, self.outlook, self.prices = site, past, outlook, prices
        self.store, self.trail, self.times, self.clock = store, trail, times, clock
        self.previous: pd.DataFrame | None = None
        self.cost = 0.0
        self.import_peak = 0.0

    def run(self, first: int, on_tick: Callable[[TickReport], None] | None = None) -> None:
        """Run the ticks from `first` on."""
        for tick in range(first, len(self.times)):
            self.clock.wait_until(self.times[tick])
            started = time.perf_counter()
            row, decision = self.tick(tick)
            if on_tick is not None:
                wall = time.perf_counter() - started
                clock = f"{self.times[tick].tz_convert(self.settings.timezone):%H:%M}"
                on_tick(TickReport(tick, len(self.times), clock, row, decision, wall))

    def tick(self, tick: int) -> tuple[dict[str, object], Decision]:
        """One turn of the wheel."""
        at, laps = self.times[tick], _Laps()
        readings = self.site.readings(at)
        self.past.learn(readings)
        status = self.site.status(at)
        laps.next("site_s")

        grid = fine_grid(at, self.settings.loop.horizon, self.settings.loop.step_min)
        forecast, notes = self.outlook.look(self.past.power, at, grid)
        published = self.prices.publish_due(at, self.past.power, self.outlook)
        known = Known(
            tick=tick,
            at=at,
            forecast=forecast,
            reactive=self.past.power_factors(at),
            status=status,
            prices=self.prices.at(at, grid),
            previous=self.previous,
            import_peak_mw=self.import_peak,
        )
        laps.next("forecast_s")
        decision = decide_now(self.network, self.groups, self.settings, known)
        laps.next("plan_s")
        laps.move("plan_s", "check_s", decision.check_s)

        sent = setpoint_rows(decision)
        commands = self.trail.sign(tick, at, sent)
        interval = self.site.apply(self.trail.accept(commands, decision.setpoints, at), at)
        laps.next("site_s")

        row = tick_row(
            CONTROLLED, tick, interval, self.network, self.settings, known.prices.iloc[0], self.cost, decision
        )
        events = self.trail.events(tick, at, decision, [*notes, *_surprises(interval)], row)
        self.cost = float(row["cost_eur"])  # type: ignore[arg-type]
        self.import_peak = max(self.import_peak, interval.totals["import_mw"])
        if decision.rung == INCUMBENT:
            # A fallback lives on this plan, however many ticks it must.
            self.previous = decision.table
        laps.next("site_s")
        self.store.write_many(
            f"tick-{tick}",
            {
                "readings": readings.assign(tick=tick),
                "forecasts": forecast.table().assign(tick=tick),
                "prices": published.assign(tick=tick),
                "plans": plan_rows(decision),
                "commands": commands,
                "events": events,
                "flows": flow_rows(CONTROLLED, tick, interval, self.network),
                "state": pd.DataFrame({"tick": [tick], "known": [known_json(known)], "state": [self.state_json()]}),
                "ticks": pd.DataFrame([row]),
            },
        )
        laps.next("store_s")
        timings = pd.DataFrame([{"tick": tick, "solver_s": decision.solver_s, **laps.seconds}])
        self.store.append("timings", timings, write_id=f"tick-{tick}")
        return row, decision

    # ----- state between ticks -----------------------------------------------------------------

    def state_json(self) -> str:
        """Everything the next tick needs that is not in another table; floats are kept exactly."""
        return json.dumps(
            {
                "world": self.site.state.to_dict(),
                "untold": [[t.isoformat(), v.tolist()] for t, v in self.site.untold()],
                "cost": self.cost,
                "import_peak_mw": self.import_peak,
                "trail": self.trail.state(),
            }
        )

    def restore(self, state: str, previous: pd.DataFrame | None) -> None:
        """Go back to the end of a stored tick (the world itself is restored by whoever makes the site)."""
        data = json.loads(state)
        self.site.remember([(pd.Timestamp(t), np.asarray(v, dtype=float)) for t, v in data["untold"]])
        self.cost, self.import_peak = float(data["cost"]), float(data["import_peak_mw"])
        self.trail.restore(data["trail"])
        self.previous = previous


def last_plan(store: Store, before: int) -> pd.DataFrame | None:
    """Table of the newest plan that was made, not fallen back to, before a tick; what `Known.previous` was there."""
    ticks = store.read("ticks", ["tick", "rung"], run=CONTROLLED, tick=slice(None, before - 1))
    made = ticks.loc[ticks["rung"] == INCUMBENT, "tick"]
    if made.empty:
        return None
    return store.read("plans", tick=int(made.max())).drop(columns=["tick", "issued_at"])


def known_json(known: Known) -> str:
    """The parts of `Known` that no other table holds, for replaying the decision."""
    sessions = known.status.sessions
    return json.dumps(
        {
            "reactive": dict(known.reactive),
            "soc": dict(known.status.soc),
            "tap_pos": dict(known.status.tap_pos),
            "sessions": {
                "id": list(sessions.index),
                "bus": list(sessions["bus"]),
                "arrival": [t.isoformat() for t in sessions["arrival"]],
                "departure": [t.isoformat() for t in sessions["departure"]],
                "energy_mwh": sessions["energy_mwh"].tolist(),
                "max_charge_mw": sessions["max_charge_mw"].tolist(),
            },
            "prices": {
                "valid_at": [t.isoformat() for t in known.prices.index],
                "import": known.prices["import_eur_per_mwh"].tolist(),
                "export": known.prices["export_eur_per_mwh"].tolist(),
            },
            "import_peak_mw": known.import_peak_mw,
            **({} if known.status.link is None else {"link": known.status.link.to_dict()}),
        }
    )


def known_from_json(text: str, tick: int, forecast: Forecast, previous: pd.DataFrame | None) -> Known:
    """The inverse of `known_json`."""
    data = json.loads(text)
    s = data["sessions"]
    sessions = pd.DataFrame(
        {
            "bus": np.array(s["bus"], dtype=object),
            "arrival": pd.DatetimeIndex(s["arrival"]).as_unit("ns") if s["id"] else pd.DatetimeIndex([], tz="UTC"),
            "departure": pd.DatetimeIndex(s["departure"]).as_unit("ns") if s["id"] else pd.DatetimeIndex([], tz="UTC"),
            "energy_mwh": np.array(s["energy_mwh"], dtype=float),
            "max_charge_mw": np.array(s["max_charge_mw"], dtype=float),
        },
        index=pd.Index(s["id"], name="id", dtype=object),
    )
    p = data["prices"]
    prices = pd.DataFrame(
        {"import_eur_per_mwh": p["import"], "export_eur_per_mwh": p["export"]}, index=pd.DatetimeIndex(p["valid_at"])
    )
    at = forecast.issued_at
    link = LinkStatus.from_dict(data["link"]) if "link" in data else None
    status = Status(at, data["soc"], data["tap_pos"], sessions, link)
    return Known(tick, at, forecast, data["reactive"], status, prices, previous, data["import_peak_mw"])


def _surprises(interval: Interval) -> list[tuple[str, str, str]]:
    if interval.converged:
        return list(interval.events)
    return [*interval.events, ("degraded", "site", "the simulated network had no AC solution in this interval")]


class _Laps:
    """Seconds per part of a tick; what comes twice is added up."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("forecast_s", "plan_s", "check_s", "site_s", "store_s"), 0.0)
        self._since = time.perf_counter()

    def next(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] += now - self._since
        self._since = now

    def move(self, part: str, to: str, seconds: float) -> None:
        """Count seconds of one part as those of another."""
        self.seconds[part] -= seconds
        self.seconds[to] += seconds
