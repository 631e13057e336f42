"""A site small enough to run a day in seconds: four buses in a row, three loads, sun, wind, two batteries, a few cars.

grid ── 110/20 kV ── B1 ── 5 km ── B2 ── 5 km ── B3
                     load          load,         load, wind,
                                   battery       sun, battery
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.io.folder import write_network
from gridloop.network.model import Network

DAY = "2016-07-25"
ZONE = "Europe/Berlin"
HISTORY_DAYS = 16


def small_network(v_max_pu: float = 1.05) -> Network:
    """The grid above; a sunny noon lifts B3 above `v_max_pu` when nobody does anything."""
    band = {"v_min_pu": 0.95, "v_max_pu": v_max_pu, "latitude_deg": 53.4, "longitude_deg": 11.8}
    line = {"length_km": 5.0, "r_ohm_per_km": 0.313, "x_ohm_per_km": 0.132, "i_max_ka": 0.252}
    return Network.from_tables(
        {
            "bus": [
                {"id": "HV", "v_nom_kv": 110.0},
                *({"id": f"B{k}", "v_nom_kv": 20.0, **band} for k in (1, 2, 3)),
            ],
            "line": [
                {"id": "L12", "tail_bus": "B1", "head_bus": "B2", **line},
                {"id": "L23", "tail_bus": "B2", "head_bus": "B3", **line},
            ],
            "transformer": [
                {
                    "id": "T", "tail_bus": "HV", "head_bus": "B1", "s_rated_mva": 25.0, "v_tail_kv": 110.0,
                    "v_head_kv": 20.0, "r_pu": 0.005, "x_pu": 0.12, "tap_min": -5, "tap_max": 5,
                    "tap_step_pu": 0.015, "tap_on_load": True, "s_max_mva": 25.0, "shift_deg": 150.0,
                }
            ],
            "load": [
                {"id": f"load{k}", "bus": f"B{k}", "p_mw": p, "q_mvar": 0.2 * p, "profile": name}
                for k, p, name in ((1, 1.5, "town"), (2, 1.0, "town"), (3, 0.5, "farm"))
            ],
            "generator": [
                {"id": "sun", "bus": "B3", "p_mw": 4.0, "s_rated_mva": 4.0, "kind": "solar", "profile": "PV"},
                {"id": "wind", "bus": "B3", "p_mw": 2.0, "s_rated_mva": 2.0, "kind": "wind", "profile": "WP"},
            ],
            "storage": [
                {"id": f"battery{k}", "bus": f"B{k}", "capacity_mwh": c, "max_charge_mw": c / 2,
                 "max_discharge_mw": c / 2, "max_soc": 0.95, "min_soc": 0.05}
                for k, c in ((2, 1.0), (3, 2.0))
            ],
            "source": [{"id": "grid", "bus": "HV", "v_set_pu": 1.025}],
        },
        name="small",
        owner="village works",
    )  # fmt: skip


def small_profiles(seed: int = 7, history_days: int = HISTORY_DAYS, sway: float = 0.0) -> dict[str, pd.DataFrame]:
    """So many days before the day, and the day: smooth shapes, a little noise; `sway` lifts loads on some days."""
    start = pd.Timestamp(DAY, tz=ZONE).tz_convert("UTC") - pd.Timedelta(days=history_days)
    index = pd.date_range(start, periods=96 * (history_days + 1), freq="15min", name="valid_at")
    rng = np.random.default_rng(seed)
    hour = (index.tz_convert(ZONE).hour + index.tz_convert(ZONE).minute / 60).to_numpy()
    shape = 0.55 + 0.25 * np.sin((hour - 9) / 24 * 2 * np.pi) + 0.2 * np.exp(-(((hour - 19) / 2) ** 2))
    sun = np.clip(np.sin((hour - 5.5) / 15 * np.pi), 0, None) * (hour < 20.5)
    gust = pd.Series(rng.normal(0, 1, len(index))).ewm(span=24).mean().to_numpy()
    wind = np.clip(0.5 + 1.2 * gust, 0.02, 1)
    noise = lambda: rng.normal(1, 0.02, len(index))  # noqa: E731
    level = np.repeat(np.exp(np.random.default_rng(seed + 1).normal(0, sway, history_days + 1)), 96)
    load = pd.DataFrame(
        {f"load{k}": p * shape * level * noise() for k, p in ((1, 1.5), (2, 1.0), (3, 0.5))}, index=index
    )
    generation = pd.DataFrame({"sun": 4.0 * sun * np.clip(noise(), 0, 1), "wind": 2.0 * wind}, index=index)
    return {"load_mw": load, "generation_mw": generation}


def write_small_site(
    folder: Path,
    *,
    ticks: int = 0,
    step_min: int = 15,
    sessions: int = 12,
    extra: str = "",
    history_days: int = HISTORY_DAYS,
    sway: float = 0.0,
    model: str = "persistence",
) -> Path:
    """Network, profiles and site.toml in a folder; returns the site file. extra: lines at the end of [ev]."""
    folder.mkdir(parents=True, exist_ok=True)
    write_network(small_network(), folder / "network")
    (folder / "profiles").mkdir(exist_ok=True)
    for name, table in small_profiles(history_days=history_days, sway=sway).items():
        table.to_csv(folder / "profiles" / f"{name}.csv")
    site = folder / "site.toml"
    site.write_text(
        f"""
name = "small"
network = "network"
profiles = "profiles"
timezone = "{ZONE}"
day = {DAY}
seed = 3

[loop]
ticks = {ticks}
step_min = {step_min}
horizon = [[{60 // step_min}, {step_min}], [11, 60], [4, 180]]

[forecast]
model = "{model}"

[ev]
sessions = {sessions}
{extra}
""",
        encoding="utf-8",
    )
    return site
