"""A day of a made-up feeder, as the store would hold it: 8 feeders, 120 buses, 96 ticks, wind, sun, batteries and EVs.

Nothing is solved here. Voltages and loadings follow the linear drop along each feeder, so that they look and
correlate as real ones do, and the numbers are the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridloop.operate.report.tables import COLUMNS, RunTables
from gridloop.trust.audit import Record, chain_table, record_after

ZONE = "Europe/Berlin"
FEEDERS, PER_FEEDER, BATTERIES, TICKS = 8, 15, 114, 96
GROUPS = {f"group:lv{i}/p_mw": "load" for i in range(6)} | {f"group:pv{i}/p_mw": "solar" for i in range(4)}
GROUPS |= {f"group:wind{i}/p_mw": "wind" for i in range(3)}


@dataclass(frozen=True)
class Feeder:
    """bus, line, transformer tables and, per bus, the line that leads to it and its parent."""

    bus: pd.DataFrame
    line: pd.DataFrame
    transformer: pd.DataFrame
    downstream: np.ndarray  # line × bus: 1 where the bus hangs behind the line


def make_feeder(rng: np.random.Generator) -> Feeder:
    """Feeders that leave one substation like the arms of a star and branch now and then."""
    ids, xy, parent = ["HV 1", "MV busbar"], [(0.0, 0.0), (0.0, 0.0)], [-1, 0]
    for arm in range(FEEDERS):
        angle, last = 2 * np.pi * arm / FEEDERS + 0.2, 1
        for step in range(PER_FEEDER - 1 if arm else PER_FEEDER + 5):
            from_bus = last if step < 4 or rng.random() > 0.25 else len(ids) - 3
            angle += rng.normal(0, 0.28)
            x, y = xy[from_bus]
            ids.append(f"MV1.101 Bus {len(ids)}")
            xy.append((x + 0.62 * np.cos(angle), y + 0.45 * np.sin(angle)))
            parent.append(from_bus)
            last = len(ids) - 1
    buses, lines = len(ids), range(2, len(ids))
    downstream = np.zeros((buses, buses))
    for b in lines:
        node = b
        while node > 1:
            downstream[node, b] = 1
            node = parent[node]
    place = np.array(xy)
    bus = pd.DataFrame(
        {
            "owner": "dso",
            "v_nom_kv": [110.0] + [20.0] * (buses - 1),
            "v_min_pu": [0.9] + [0.965] * (buses - 1),
            "v_max_pu": [1.1] + [1.055] * (buses - 1),
            "longitude_deg": 11.81 + place[:, 0] / 66.3,
            "latitude_deg": 53.42 + place[:, 1] / 111.3,
        },
        index=pd.Index(ids, name="id"),
    )
    line = pd.DataFrame(
        {"tail_bus": [ids[parent[b]] for b in lines], "head_bus": [ids[b] for b in lines], "length_km": 0.6},
        index=pd.Index([f"MV1.101 Line {b - 1}" for b in lines], name="id"),
    )
    transformer = pd.DataFrame(
        {"tail_bus": ["HV 1"] * 2, "head_bus": ["MV busbar"] * 2, "s_rated_mva": 40.0},
        index=pd.Index(["HV-MV Trafo 1", "HV-MV Trafo 2"], name="id"),
    )
    return Feeder(bus, line, transformer, downstream[2:, :])


def make_profiles(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Totals of the day in MW: load, solar, wind, EV on arrival, EV by plan, battery by plan, prices."""
    h = np.arange(n) * 24 / n
    noise = lambda s: rng.normal(0, s, n)  # noqa: E731
    load = 14 + 5 * np.exp(-((h - 11.5) ** 2) / 18) + 7 * np.exp(-((h - 19.5) ** 2) / 5) + noise(0.3)
    solar = 16 * np.clip(np.sin((h - 5.2) / 15.8 * np.pi), 0, None) ** 1.4 * (1 + noise(0.04))
    wind = 24 + 9 * np.sin((h - 6) / 24 * 2 * np.pi) + np.cumsum(noise(0.6))
    ev = 2.6 * np.exp(-((h - 18.3) ** 2) / 4) + 0.9 * np.exp(-((h - 8.2) ** 2) / 2)
    need = (load - solar - wind) - np.mean(load - solar - wind)
    battery = np.clip(-0.7 * need, -8, 8)
    battery -= battery.mean() * 0.9
    ev_planned = np.clip(1.0 - 0.1 * need, 0.05, None)
    ev_planned *= ev.sum() / ev_planned.sum()
    price = 55 + 1.7 * need
    return pd.DataFrame(
        {"load": load, "solar": solar, "wind": wind, "ev": ev, "ev_planned": ev_planned, "battery": battery,
         "price": price}
    )  # fmt: skip


def make_ticks(profiles: pd.DataFrame, times: pd.DatetimeIndex) -> pd.DataFrame:
    """The ticks table but for what the flows decide."""
    hours, frames = 24 / TICKS, []
    for run in ("baseline", "controlled"):
        on = run == "controlled"
        battery = profiles["battery"] if on else profiles["battery"] * 0
        ev = profiles["ev_planned"] if on else profiles["ev"]
        curtailed = (profiles["wind"] - 31).clip(lower=0) * 0.4 * on
        losses = 0.9 - 0.25 * on + 0.01 * profiles["wind"]
        net = profiles["load"] + ev + battery + losses - profiles["solar"] - profiles["wind"] + curtailed
        frames.append(
            pd.DataFrame(
                {
                    "run": run,
                    "tick": range(len(times)),
                    "valid_at": times,
                    "hours": hours,
                    "load_mw": profiles["load"],
                    "solar_mw": profiles["solar"],
                    "wind_mw": profiles["wind"] - curtailed,
                    "other_mw": 0.4,
                    "ev_mw": ev,
                    "battery_mw": battery,
                    "import_mw": net.clip(lower=0),
                    "export_mw": (-net).clip(lower=0),
                    "losses_mw": losses,
                    "curtailed_mw": curtailed,
                    "unserved_mw": 0.0,
                    "price_import_eur_per_mwh": profiles["price"],
                    "price_export_eur_per_mwh": profiles["price"] - 18,
                    "co2_t": 0.4 * net.clip(lower=0) * hours,
                    "cost_eur": (
                        net.clip(lower=0) * profiles["price"] - (-net).clip(lower=0) * (profiles["price"] - 18)
                    )
                    * hours,
                    "stored_mwh": 60 + (battery * hours).cumsum(),
                    "rung": "incumbent",
                    "rounds": 1,
                    "gave_way": "",
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def make_flows(feeder: Feeder, ticks: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Voltages and loadings from the linear drop of the net power behind each line."""
    buses, lines = len(feeder.bus), len(feeder.line)
    share = {kind: rng.dirichlet(np.full(buses, a)) for kind, a in (("load", 4), ("solar", 0.7), ("wind", 0.12))}
    share["wind"][:2] = share["load"][:2] = share["solar"][:2] = 0
    parts = []
    for run, rows in ticks.groupby("run"):
        on = run == "controlled"
        use = rows["load_mw"] + rows["ev_mw"] + rows["battery_mw"]
        net = np.outer(use, share["load"]) - np.outer(rows["solar_mw"], share["solar"])
        net -= np.outer(rows["wind_mw"], share["wind"])
        through = net @ feeder.downstream.T
        drop = 0.0019 * through
        volts = 1.022 - drop @ feeder.downstream
        if on:
            volts = 1.01 + 0.041 * np.tanh((volts - 1.01) / 0.045)
        volts[:, 0], volts[:, 1] = 1.03, 1.022
        loading = np.abs(through) * (10.5 if on else 11.5)
        if on:
            loading = np.minimum(loading, 97 - 0.02 * loading)
        ends = [
            ("bus", "v_pu", list(feeder.bus.index), volts),
            ("line", "loading_pct", list(feeder.line.index), loading),
        ]
        trafo = np.repeat(np.abs(net.sum(axis=1))[:, None] / 80 * 100 * 1.03, 2, axis=1)
        ends.append(("transformer", "loading_pct", list(feeder.transformer.index), trafo))
        for kind, quantity, ids, values in ends:
            parts.append(
                pd.DataFrame(
                    {
                        "run": run,
                        "tick": np.repeat(rows["tick"].to_numpy(), len(ids)),
                        "valid_at": np.repeat(pd.DatetimeIndex(rows["valid_at"]), len(ids)),
                        "kind": kind,
                        "id": np.tile(ids, len(rows)),
                        "quantity": quantity,
                        "value": values.ravel(),
                    }
                )
            )
    assert lines == buses - 2
    return pd.concat(parts, ignore_index=True)


def make_forecasts(profiles: pd.DataFrame, times: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    """For each tick and group the rest of the day, with bands that widen with the lead."""
    n, parts = len(times), []
    of = {kind: [p for p, k in GROUPS.items() if k == kind] for kind in ("load", "solar", "wind")}
    for kind, points in of.items():
        error = np.cumsum(rng.normal(0, 0.05, (len(points), n)), axis=1)
        for g, point in enumerate(points):
            actual = profiles[kind].to_numpy() / len(points)
            for tick in range(n):
                ahead = np.arange(n - tick)
                spread = 0.03 + 0.16 * np.sqrt(ahead / 96)
                mid = actual[tick:] * (1 + error[g, tick] * spread) * (1 + 0.4 * spread * np.sin(ahead / 9 + g))
                parts.append(
                    pd.DataFrame(
                        {
                            "tick": tick,
                            "issued_at": times[tick],
                            "point": point,
                            "valid_at": times[tick:],
                            "p10": (mid * (1 - spread)).clip(min=0),
                            "p50": mid,
                            "p90": mid * (1 + spread),
                            "model": "lightgbm" if g else "persistence",
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def make_plans(
    ticks: pd.DataFrame, times: pd.DatetimeIndex, profiles: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """The set-points of every tick, the charge behind them, and the connection's plan to the end of the day."""
    n = len(times)
    rows = ticks[ticks["run"] == "controlled"]
    size = rng.uniform(0.5, 1.5, BATTERIES)
    size /= size.sum()
    power = profiles["battery"].to_numpy()[:, None] * size
    start = rng.uniform(0.3, 0.6, BATTERIES)
    soc = np.clip(start + (power / 4).cumsum(axis=0) / (size * 110), 0.05, 0.98)
    full = soc > 0.97
    reason = np.where(power > 0, "charge_low_price", "discharge_high_price").astype(object)
    reason[np.abs(power) < 0.01] = "wait_for_spread"
    reason[full] = "full"
    binding = np.where(full, "max_soc", "").astype(object)
    relief = (power > 0.04) & (rng.random(power.shape) < 0.2)
    reason[relief], binding[relief] = "relieve_limit", "voltage_high:MV1.101 Bus 35"
    names = np.array([f"MV1.101 Storage {i}" for i in range(BATTERIES)])
    bus = np.array([f"MV1.101 Bus {2 + i}" for i in range(BATTERIES)])

    def block(quantity: str, value: np.ndarray, why: np.ndarray, limit: np.ndarray, price: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "tick": np.repeat(range(n), BATTERIES),
                "issued_at": np.repeat(times, BATTERIES),
                "device": np.tile(names, n),
                "kind": "battery",
                "bus": np.tile(bus, n),
                "quantity": quantity,
                "valid_at": np.repeat(times, BATTERIES),
                "hours": 24 / n,
                "value": value.ravel(),
                "reason": why.ravel(),
                "binding": limit.ravel(),
                "shadow_price": np.where(limit.ravel() != "", price, 0.0),
            }
        )

    none = np.full(power.shape, "", dtype=object)
    parts = [
        block("p_mw", power, reason, binding, 12.5),
        block("soc", soc, none, none, 0),
    ]
    connection = {"device": "connection", "kind": "connection", "bus": "HV 1", "hours": 24 / n, "binding": ""}
    for tick in range(n):
        for quantity in ("import_mw", "export_mw"):
            value = rows[quantity].to_numpy()[tick:] + 0.8 * np.sin(np.arange(n - tick) / 7) * (quantity == "import_mw")
            parts.append(
                pd.DataFrame(
                    connection
                    | {
                        "tick": tick,
                        "issued_at": times[tick],
                        "quantity": quantity,
                        "valid_at": times[tick:],
                        "value": value.clip(min=0),
                        "reason": "",
                        "shadow_price": np.nan,
                    }
                )
            )
    taps = {"device": "HV-MV Trafo 1", "kind": "transformer", "bus": "MV busbar", "quantity": "tap_pos", "hours": 0.25}
    parts += [
        pd.DataFrame(
            taps
            | {
                "tick": tick,
                "issued_at": times[tick],
                "valid_at": [times[tick]],
                "value": float(-(tick // 24)),
                "reason": "tap_for_voltage",
                "binding": "voltage_high:MV1.101 Bus 35",
                "shadow_price": np.nan,
            }
        )
        for tick in range(0, n, 12)
    ]
    return pd.concat(parts, ignore_index=True)


def make_commands(plans: pd.DataFrame) -> pd.DataFrame:
    """One signed command per set-point."""
    sent = plans[plans["reason"] != ""]
    return pd.DataFrame(
        {
            "tick": sent["tick"],
            "number": range(len(sent)),
            "device": sent["device"],
            "quantity": sent["quantity"],
            "value": sent["value"],
            "reason": sent["reason"],
            "issued_at": sent["issued_at"],
            "expires_at": sent["issued_at"] + pd.Timedelta(minutes=15),
            "signature": "3c0f",
        }
    )


def make_events(times: pd.DatetimeIndex) -> pd.DataFrame:
    """One event per tick, chained; nothing went wrong."""
    records: list[Record] = []
    for at in times:
        last = records[-1] if records else None
        records.append(record_after(last, at=at.to_pydatetime(), kind="sent", subject="setpoints", text="incumbent"))
    events = chain_table(records).assign(tick=range(len(times)))
    return events.assign(at=pd.to_datetime(events["at"], utc=True))[list(COLUMNS["events"])]


def make_run(ticks: pd.DataFrame, flows: pd.DataFrame, bus: pd.DataFrame, day: str) -> dict[str, Any]:
    """run.json with the result that the loop would have computed."""
    result: dict[str, Any] = {"site": "simbench:1-MV-semiurb--2-sw", "day": "2016-07-25", "ticks": len(ticks) // 2}
    limits = flows["id"].map(bus["v_max_pu"]), flows["id"].map(bus["v_min_pu"])
    outside = (flows["quantity"] == "v_pu") & ((flows["value"] > limits[0]) | (flows["value"] < limits[1]))
    over = (flows["quantity"] == "loading_pct") & (flows["value"] > 100)
    for run, rows in ticks.groupby("run"):
        energy = {
            f"{name}_mwh": float((rows[f"{name}_mw"] * rows["hours"]).sum())
            for name in ("import", "export", "losses", "curtailed", "unserved")
        }
        result[str(run)] = energy | {
            "cost_eur": float(rows["cost_eur"].sum()),
            "peak_import_mw": float(rows["import_mw"].max()),
            "voltage_violations": int((outside & (flows["run"] == run)).sum()),
            "overloads": int((over & (flows["run"] == run)).sum()),
            "co2_t": float(rows["co2_t"].sum()),
            "ev_short_mwh": 0.0,
        }
    wear, gap = {"controlled": 310.0, "baseline": 0.0}, {"controlled": -34.0, "baseline": 0.0}
    result["cost_parts"] = {
        run: {
            "energy": result[run]["cost_eur"] - wear[run] - gap[run],
            "battery_wear": wear[run],
            "inventory": gap[run],
        }
        for run in wear
    }
    result |= {"missed_ticks": 0, "wall_s": 92.4, "solver": {"p50_s": 0.31, "p99_s": 0.62}}
    result["forecast"] = {
        "load_nmae_pct": 3.1, "solar_nmae_pct": 5.2, "wind_nmae_pct": 6.9, "persistence_load_nmae_pct": 6.0,
        "persistence_solar_nmae_pct": 9.8, "persistence_wind_nmae_pct": 14.1,
    }  # fmt: skip
    return {
        "id": "2016-07-25-7f3a",
        "site": {"name": "SimBench 1-MV-semiurb--2-sw", "timezone": ZONE, "day": day},
        "versions": {"gridloop": "0.1.0", "highspy": "1.10", "lightgbm": "4.6"},
        "groups": GROUPS,
        "result": result,
    }


def make_tables(day: str = "2016-07-25", seed: int = 7) -> RunTables:
    """The whole run. On a day on which the clock changes it still has 96 ticks."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(pd.Timestamp(day, tz=ZONE).tz_convert("UTC"), periods=TICKS, freq="15min")
    feeder, profiles = make_feeder(rng), make_profiles(rng, TICKS)
    ticks = make_ticks(profiles, times)
    flows = make_flows(feeder, ticks, rng)
    plans = make_plans(ticks, times, profiles, rng)
    timings = pd.DataFrame(
        {
            "tick": range(TICKS),
            "forecast_s": rng.uniform(0.05, 0.15, TICKS),
            "plan_s": rng.uniform(0.5, 0.7, TICKS),
            "solver_s": rng.uniform(0.2, 0.45, TICKS),
            "check_s": rng.uniform(0.04, 0.09, TICKS),
            "site_s": 0.03,
            "store_s": rng.uniform(0.05, 0.2, TICKS),
        }
    )
    return RunTables(
        run=make_run(ticks, flows, feeder.bus, day),
        bus=feeder.bus,
        line=feeder.line,
        transformer=feeder.transformer,
        ticks=ticks,
        flows=flows,
        forecasts=make_forecasts(profiles, times, rng),
        plans=plans,
        commands=make_commands(plans),
        events=make_events(times),
        timings=timings,
        chain_verified=True,
    )


@pytest.fixture(scope="session")
def day() -> RunTables:
    """One whole run."""
    return make_tables()


@pytest.fixture(scope="session")
def another_day() -> Callable[..., RunTables]:
    """The maker, for tests that need another date."""
    return make_tables


@pytest.fixture
def changed(day: RunTables) -> Callable[..., RunTables]:
    """The whole run with some of its tables replaced."""
    return lambda **tables: replace(day, **tables)
