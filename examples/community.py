"""Homes with roofs and batteries behind one meter: three weeks planned on forecasts, beside batteries that rest.

Run `python examples/community.py`; with a folder of CityLearn's data, such as the homes of Fontana, as its argument it
runs on that instead of the small street made up here.
"""

# ruff: noqa: T201 (an example prints)

import sys

import numpy as np
import pandas as pd

from gridloop.io.citylearn import Homes, read_citylearn
from gridloop.optimize.studies.community import CommunityPlan, community_year


def street(homes: int = 6, days: int = 21, seed: int = 1) -> Homes:
    """Made-up homes: evenings that differ, roofs under passing clouds, a dear time from four to nine."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2026-06-01", periods=24 * days, freq="h", tz="UTC", name="valid_at")
    clock = hours.hour.to_numpy()
    evening = np.exp(-(((clock - 19) / 2.5) ** 2)) + 0.4 * np.exp(-(((clock - 7) / 1.5) ** 2))
    sun = np.clip(np.sin((clock - 5) / 14 * np.pi), 0.0, None)
    clouds = np.repeat(rng.uniform(0.4, 1.0, days), 24)
    names = [f"home {k + 1}" for k in range(homes)]
    load = {i: 1e-3 * (0.4 + 2.0 * evening * rng.gamma(8.0, 1 / 8.0, hours.size)) for i in names}
    solar = {i: 1e-3 * rng.uniform(3.0, 5.0) * sun * clouds for i in names}
    battery = pd.DataFrame({"capacity_mwh": 0.0064, "power_mw": 0.005, "round_trip_efficiency": 0.9}, index=names)
    return Homes(
        pd.DataFrame(load, index=hours),
        pd.DataFrame(solar, index=hours),
        pd.Series(np.where((clock >= 16) & (clock < 21), 500.0, 220.0), index=hours),
        pd.Series(0.15 + 0.05 * evening, index=hours),
        battery,
    )


def main(folder: str | None = None) -> None:
    """Cost, highest import and carbon of both, and what each home saves."""
    data = street() if folder is None else read_citylearn(folder, start=pd.Timestamp("2016-08-01 00:00-08:00"))
    days = min(len(data.load_mw) // 24 - 7, 21)
    run = community_year(data, CommunityPlan(), days=days)
    facts = run.facts()
    print(f"{len(data.load_mw.columns)} homes, {days} days, planned every six hours on what the days before say")
    print(f"{'':24}{'batteries rest':>16}{'planned':>12}{'less':>8}")
    for what, name in (
        ("cost", "cost, tariff's money"),
        ("carbon_t", "carbon, t"),
        ("peak_kw", "highest import, kW"),
        ("daily_peak_kw", "daily highest, kW"),
    ):
        before, after = facts[f"baseline_{what}"], facts[what]
        print(f"{name:24}{before:16.2f}{after:12.2f}{1 - after / before:8.1%}")
    print("\nWho pays what of the bill:")
    print(run.homes[["baseline_alone", "baseline", "cost", "saved_share"]].round(3).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:2])
