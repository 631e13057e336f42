"""A site of your own: writes its network, its profiles and its site.toml into a folder, ready for `gridloop run`.

Run `python examples/own_site.py FOLDER`, then `gridloop run FOLDER/site.toml`. Replace the three by your own data.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from power_flow import feeder

import gridloop as gl

DAY, ZONE, HISTORY_DAYS = "2026-06-15", "Europe/Berlin", 21

SITE = f"""\
name = "Mill and farm"
network = "network"        # a folder of ours, a case file, or simbench:CODE
profiles = "profiles"      # load_mw.csv and generation_mw.csv: what was measured
timezone = "{ZONE}"
day = {DAY}

[forecast]
model = "persistence"      # three weeks are little to learn from; leave this out where there are months

[ev]
sessions = 10
"""


def network() -> gl.Network:
    """The feeder of power_flow.py, and a battery at the farm: an edit says who, when and why."""
    battery = {"id": "farm battery", "owner": "farm", "bus": "farm", "capacity_mwh": 6.0}
    battery |= {"max_charge_mw": 2.0, "max_discharge_mw": 2.0}
    when = pd.Timestamp("2026-06-01 09:00", tz="UTC")
    return feeder().add("storage", [battery], author="planner", time=when, reason="battery bought")


def profiles() -> dict[str, pd.DataFrame]:
    """Three weeks and the day itself, every 15 minutes: a working day at the mill, sun with passing clouds."""
    first = pd.Timestamp(DAY, tz=ZONE) - pd.Timedelta(days=HISTORY_DAYS)
    times = pd.date_range(first.tz_convert("UTC"), periods=96 * (HISTORY_DAYS + 1), freq="15min", name="valid_at")
    rng = np.random.default_rng(1)
    hour = np.asarray(times.tz_convert(ZONE).hour + times.tz_convert(ZONE).minute / 60)
    work = 0.5 + 0.7 * np.exp(-(((hour - 12) / 4.5) ** 4))
    sun = np.clip(np.sin((hour - 5) / 16 * np.pi), 0.0, None) * np.where((hour > 5) & (hour < 21), 1.0, 0.0)
    clouds = 1.0 - 0.25 * np.clip(pd.Series(rng.normal(0.0, 1.0, len(times))).ewm(span=8).mean().abs(), 0.0, 1.0)
    return {
        "load_mw": pd.DataFrame({"mill load": work * rng.normal(1.0, 0.03, len(times))}, index=times),
        "generation_mw": pd.DataFrame({"farm roof": 8.5 * sun * clouds.to_numpy()}, index=times),
    }


def write_site(folder: Path) -> Path:
    """Everything the run needs; returns the site file."""
    gl.write_network(network(), folder / "network")
    (folder / "profiles").mkdir(exist_ok=True)
    for name, table in profiles().items():
        table.round(4).to_csv(folder / "profiles" / f"{name}.csv")
    site = folder / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    return site


if __name__ == "__main__":
    write_site(Path(sys.argv[1] if len(sys.argv) > 1 else "village"))
