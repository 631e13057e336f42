"""One run of a day, from the settings to the report: prepare, uncontrolled day, loop, key figures."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.io.folder import read_folder, write_network
from gridloop.operate.audit import Trail, version_rows
from gridloop.operate.decide.decide import REFUSED
from gridloop.operate.folder import LAKE, NETWORK, REPORT, new_run_folder, read_json, write_json
from gridloop.operate.groups import capacities, group_sums, place
from gridloop.operate.island_facts import island_facts, island_table
from gridloop.operate.island_site import IslandSite
from gridloop.operate.kpi import Inventory, cost_parts, key_figures, marginal_price
from gridloop.operate.loop import CONTROLLED, Loop, SteppingClock, TickReport, last_plan
from gridloop.operate.outlook import Outlook
from gridloop.operate.prepare import Prepared, elements_mw, prepare
from gridloop.operate.records import flow_rows, tick_row
from gridloop.operate.scoring import forecast_scores
from gridloop.operate.settings import SiteSettings, site_from_dict, site_to_dict
from gridloop.operate.simulated import SimulatedSite
from gridloop.operate.site import Setpoints
from gridloop.operate.world import WorldState
from gridloop.telemetry.store import LAYOUT_FILE, Store, open_store
from gridloop.units import FloatArray

BASELINE = "baseline"
OnTick = Callable[[TickReport], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its report, and the object that `--json` prints."""

    folder: Path
    report: Path
    summary: dict[str, Any]


def operate(
    site: SiteSettings,
    *,
    day: dt.date | None = None,
    out: str | Path = "runs",
    prices: str | None = None,
    area: str | None = None,
    ev: str | None = None,
    ticks: int = 0,
    on_tick: OnTick | None = None,
    say: Say | None = None,
) -> Run:
    """Run one local day of a site in the closed loop and the same day without control; write the report.

    out      folder under which the run gets one of its own
    prices   file of prices instead of the dynamic tariff; area: its bidding zone where it has several
    ev       file of charging sessions (ACN format or ours)
    ticks    stop after so many (0: the whole day)

    Raises errors of `gridloop.errors.BadInput` for anything wrong with what it is given, before anything is written.
    """
    loop = replace(site.loop, ticks=ticks or site.loop.ticks)
    tariff = replace(
        site.tariff,
        prices=str(Path(prices).resolve()) if prices else site.tariff.prices,
        area=area or site.tariff.area,
    )
    fleet = replace(site.ev, file=str(Path(ev).resolve()) if ev else site.ev.file)
    settings = replace(site, day=day or site.day, loop=loop, tariff=tariff, ev=fleet)
    say = say or _silent
    say("Reading the network and its profiles …")
    prepared = prepare(settings)
    _site(prepared)  # a day without its truth is refused before anything is written
    folder = new_run_folder(Path(out), f"{settings.day:%Y-%m-%d}")
    write_network(prepared.network, folder / NETWORK)
    write_json(
        folder,
        {
            "site": site_to_dict(settings),
            "versions": _versions(),
            "groups": dict(prepared.groups.kind),
            "profile": _texts(prepared.profiles.group),
        },
    )
    with Store.create(folder) as store:
        _write_versions(store, prepared)
        return _go(prepared, folder, store, 0, on_tick, say)


def resume_run(folder: str | Path, *, on_tick: OnTick | None = None, say: Say | None = None) -> Run:
    """Go on with a run that was cut off, at the first tick that is not complete in its store.

    Raises `MissingFile` or `StoreError` where the folder is no run.
    """
    folder, say = Path(folder), say or _silent
    data = read_json(folder)
    settings = site_from_dict(data["site"], f"{folder.name}/run.json")
    say("Reading the network and its profiles …")
    network = read_folder(folder / NETWORK) if (folder / NETWORK).is_dir() else None
    prepared = prepare(settings, network)
    fresh = not (folder / LAKE / LAYOUT_FILE).is_file()  # cut off before the store was complete
    with Store.create(folder) if fresh else open_store(folder, write=True) as store:
        _write_versions(store, prepared)
        last = store.last_complete_tick(CONTROLLED)
        return _go(prepared, folder, store, 0 if last is None else last + 1, on_tick, say)


def _go(prepared: Prepared, folder: Path, store: Store, first: int, on_tick: OnTick | None, say: Say) -> Run:
    settings, times = prepared.settings, prepared.times
    started = time.perf_counter()
    outlook = Outlook(settings, prepared.groups, capacities(prepared.network, prepared.groups), place(prepared.network))
    say("Learning from the past …")
    outlook.fit(prepared.past.power, times[0])
    learned = time.perf_counter()
    say("Running the loop …")
    loop = _make_loop(prepared, outlook, store, first)
    loop.run(first, on_tick)
    looped = time.perf_counter()
    say("Running the day without control …")
    ticks = store.read("ticks")
    if (ticks["run"] == BASELINE).sum() < len(times):
        _run_baseline(prepared, loop, store)
    say("Counting …")
    summary = summarize(prepared, store, wall_s=time.perf_counter() - started)
    data = read_json(folder)
    data["result"] = summary
    data["wall"] = {"learn_s": learned - started, "loop_s": looped - learned}
    write_json(folder, data)
    say("Drawing the report …")
    from gridloop.operate.report import write_report

    write_report(folder)
    return Run(folder, folder / REPORT, summary)


def _make_loop(prepared: Prepared, outlook: Outlook, store: Store, first: int) -> Loop:
    p = prepared
    state, previous = None, None
    if first > 0:
        state = str(store.read("state", tick=first - 1)["state"].iloc[0])
        previous = last_plan(store, first)
        for _, rows in store.read("readings", tick=slice(None, first - 1)).groupby("tick", sort=True):
            p.past.learn(rows)
        stored = store.read("prices", tick=slice(None, first - 1)).set_index("valid_at").drop(columns="tick")
        p.prices.restore(stored.assign(expected=False))
    world = None if state is None else WorldState.from_dict(_world(state))
    site = _site(p, world)
    trail = Trail(p.settings)
    loop = Loop(
        p.settings, p.network, p.groups, site, p.past, outlook, p.prices, store, trail, p.times, SteppingClock()
    )
    if state is not None:
        loop.restore(state, previous)
    return loop


def _site(prepared: Prepared, world: WorldState | None = None) -> SimulatedSite:
    p = prepared
    kind = SimulatedSite if p.settings.island is None else IslandSite
    return kind(p.network, p.profiles, p.sessions, p.settings, p.times, world)


def _world(state: str) -> dict[str, object]:
    import json

    data = json.loads(state)["world"]
    if not isinstance(data, dict):
        raise BadInput("The stored state holds no world.")
    return data


def _run_baseline(prepared: Prepared, loop: Loop, store: Store) -> None:
    """The same day without control: batteries idle, vehicles charge on arrival, nothing is curtailed, taps stay."""
    site = _site(prepared)
    rows, flows, cost = [], [], 0.0
    for tick, at in enumerate(prepared.times):
        interval = site.apply(Setpoints(), at)
        price = loop.prices.at(at, prepared.times[[tick]]).iloc[0]
        row = tick_row(BASELINE, tick, interval, prepared.network, prepared.settings, price, cost, None)
        cost = float(row["cost_eur"])  # type: ignore[arg-type]
        rows.append(row)
        flows.append(flow_rows(BASELINE, tick, interval, prepared.network))
    store.write_many(BASELINE, {"flows": pd.concat(flows, ignore_index=True), "ticks": pd.DataFrame(rows)})


def summarize(prepared: Prepared, store: Store, wall_s: float) -> dict[str, Any]:
    """The object that `--json` prints."""
    ticks, timings = store.read("ticks"), store.read("timings")
    result: dict[str, Any] = {}
    worth = marginal_price(ticks[ticks["run"] == BASELINE])
    for run in (CONTROLLED, BASELINE):
        rows = ticks[ticks["run"] == run].sort_values("tick")
        held = _inventory(prepared, rows, worth)
        result[run] = key_figures(rows, prepared.settings, held)
        result[f"{run}_cost_parts"] = cost_parts(rows, prepared.settings, held)
    done = int((ticks["run"] == CONTROLLED).sum())
    plan_s = timings["plan_s"].to_numpy(dtype=float)
    return {
        "site": prepared.settings.name,
        "day": prepared.settings.day.isoformat(),
        "ticks": done,
        "missed_ticks": len(prepared.times) - done,
        "refused_plans": store.read("events", kind=REFUSED)["tick"].nunique(),
        "wall_s": round(wall_s, 3),
        "controlled": result[CONTROLLED],
        "baseline": result[BASELINE],
        "forecast": _scores(prepared, store),
        "solver": {"p50_s": _quantile(plan_s, 0.5), "p99_s": _quantile(plan_s, 0.99)},
        "cost_parts": {"controlled": result["controlled_cost_parts"], "baseline": result["baseline_cost_parts"]},
        **_island(prepared, store),
    }


def _island(prepared: Prepared, store: Store) -> dict[str, Any]:
    """Key figures of the drill, where one was planned."""
    if prepared.settings.island is None:
        return {}
    rows, hours = store.read("flows", kind="island"), prepared.settings.loop.step_min / 60.0
    return {
        "island": {run: island_facts(island_table(rows[rows["run"] == run]), hours) for run in (CONTROLLED, BASELINE)}
    }


def _quantile(seconds: FloatArray, share: float) -> float:
    """NaN where a kill took the timings of every tick: they are written after the tick."""
    return float(np.quantile(seconds, share)) if seconds.size else float("nan")


def _scores(prepared: Prepared, store: Store) -> dict[str, float | None]:
    """Forecasts of the run against what was there to be had, as far as the day goes."""
    p, step = prepared, pd.Timedelta(minutes=prepared.settings.loop.step_min)
    times = pd.date_range(p.times[0] - pd.Timedelta(days=9), p.times[-1], freq=step)
    times = times[times >= p.profiles.load_mw.index[0]]
    actual = group_sums(p.groups, elements_mw(p.profiles, times))
    return forecast_scores(store, p.groups, capacities(p.network, p.groups), actual, p.settings.timezone)


def _inventory(prepared: Prepared, rows: pd.DataFrame, worth: float) -> Inventory:
    storage = prepared.network.storage
    start = float((storage["capacity_mwh"] * prepared.settings.devices.initial_soc).sum())
    efficiency = float((storage["charge_efficiency"] * storage["discharge_efficiency"]).mean()) if len(storage) else 0.9
    first = prepared.times[0]
    s = prepared.sessions
    owed_start = float(s.loc[s["arrival"] < first, "energy_mwh"].sum())
    stored_end, owed_end = float(rows["stored_mwh"].iloc[-1]), float(rows["ev_owed_mwh"].iloc[-1])
    return Inventory(start, stored_end, owed_start, owed_end, worth, efficiency)


def _write_versions(store: Store, prepared: Prepared) -> None:
    store.append("network_versions", version_rows(prepared.network, prepared.times[0]), write_id="start")


def _texts(named: pd.Series) -> dict[str, str]:
    return {str(key): str(value) for key, value in named.items()}


def _versions() -> dict[str, str]:
    names = ("gridloop", "numpy", "scipy", "pandas", "highspy", "lightgbm", "pvlib", "deltalake", "duckdb")
    return {name: version(name) for name in names}


def _silent(_: str) -> None:
    return None
