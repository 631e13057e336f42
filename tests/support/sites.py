"""Site files of `gridloop schedule` for tests: a building, compressed air, a melt shop, a farm that may be cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HOURS = pd.date_range("2026-03-02", periods=12, freq="h", tz="UTC", name="valid_at")
"""A Monday; Berlin is an hour ahead."""
PRICES = [60.0, 40, 40, 60, 90, 120, 120, 90, 60, 50, 50, 60]

OFFICE = """
name = "Office"
timezone = "Europe/Berlin"

[prices]
file = "prices.csv"

[[building]]
id = "office"
weather = "weather.csv"
min_c = 20.0
max_c = 24.0
open_from = 7
open_to = 11
workdays = ["mon", "tue"]
closed_min_c = 16.0
closed_max_c = 28.0
coupling = [["desks", "store", 0.0005]]

[[building.zone]]
id = "desks"
model = { indoor_mwh_per_k = 0.004, indoor_outdoor_mw_per_k = 0.001, sun_m2 = 10.0 }
initial_c = 18.0

[[building.zone]]
id = "store"
model = { indoor_mwh_per_k = 0.006, indoor_outdoor_mw_per_k = 0.0008 }
min_c = 15.0
closed_min_c = 12.0
initial_c = 15.0
max_heat_mw = 0.02
cooling = "none"

[[building.machine]]
kind = "heat pump"
capacity_mw = 0.06
cop_at = [[-5, 2.0], [5, 4.0]]
part_load = [[0.5, 1.1], [1.0, 1.0]]

[[building.machine]]
id = "gas"
kind = "boiler"
capacity_mw = 0.03
fuel_eur_per_mwh = 60
"""

AIR = """
name = "Compressor room"

[prices]
file = "prices.csv"

[[compressor_station]]
demand_m3_per_min = "air.csv:used"
volume_m3 = 12.0
min_bar = 6.2
max_bar = 7.2
start_bar = 6.6
leak_m3_per_min = 1.0

[[compressor_station.machine]]
id = "F"
kind = "fixed_speed"
flow = 15.5
kw = 97.0

[[compressor_station.machine]]
id = "V"
kind = "variable_speed"
flow = [2.4, 4.8, 9.6]
kw = [18.0, 31.0, 62.0]
idle_kw = 11.0
on_before = true
hours_run = 1200
"""

SHOP = """
name = "Melt shop"
timezone = "Europe/Berlin"

[prices]
file = "prices.csv"

[[process]]
id = "shop"
resources = { furnace = 1, caster = 1, crew = 3 }

[process.stocks.billets]
start = 1
most = 4

[[process.task]]
id = "melt"
profile_mw = [4.0, 5.0]
profile_step = "1h"
holds = { furnace = 1, crew = 2 }
due = 2026-03-02T10:00:00Z

[[process.task]]
id = "cast"
profile_mw = 0.5
profile_step = "1h"
holds = { caster = 1, crew = 1 }
after = [{ task = "melt", most = "1h" }]
gives = { billets = 2 }
due = "2026-03-02T12:00Z"
late_cost = 100
"""

ORDERS = """id,profile_mw,profile_step,holds,after,due,late_cost,gives
melt,4.0; 5.0,1h,furnace=1; crew=2,,2026-03-02T10:00Z,,
cast,0.5,1h,caster=1; crew=1,melt,2026-03-02T12:00Z,100,billets=2
"""

FARM = """
name = "Farm"
timezone = "Europe/Berlin"

[prices]
file = "prices.csv"

[connection]
import_limit_mw = 1.0
outages = [[2026-03-02T06:00:00Z, "2026-03-02T08:00Z"]]
grid_forming = ["box"]

[[battery]]
id = "box"
capacity_mwh = 2.0
max_charge_mw = 0.5
max_discharge_mw = 0.6
min_soc = 0.1

[[load]]
id = "yard"
p_mw = 0.3

[[island_reserve]]
batteries = ["box"]
duration_h = 2
priority_mw = 0.2
"""

HOUSE = """
name = "House"

[prices]
file = "prices.csv"

[[building]]
id = "house"
outdoor_c = 3.0
min_c = 19.0

[building.model]
readings = "house.csv"
states = ["indoor"]

[[building.machine]]
kind = "heat pump"
capacity_mw = 0.02
"""

SITES = {"office": OFFICE, "air": AIR, "shop": SHOP, "farm": FARM, "house": HOUSE}


def write_sites(folder: Path) -> Path:
    """Every site and what it is read from; returns the folder."""
    for name, text in SITES.items():
        (folder / f"{name}.toml").write_text(text)
    pd.DataFrame({"eur_per_mwh": PRICES}, index=HOURS).to_csv(folder / "prices.csv")
    weather = pd.date_range(HOURS[0] - pd.Timedelta(hours=2), periods=20, freq="h", name="valid_at")
    pd.DataFrame({"outdoor_c": np.linspace(-4.0, 5.5, 20), "sun_w_m2": 100.0}, index=weather).to_csv(
        folder / "weather.csv"
    )
    used = np.array([4.0, 4, 4, 4, 12, 20, 20, 20, 12, 8, 4, 4])
    pd.DataFrame({"used": used}, index=HOURS).to_csv(folder / "air.csv")
    (folder / "orders.csv").write_text(ORDERS)
    house(24 * 10).to_csv(folder / "house.csv")
    return folder


def house(hours: int) -> pd.DataFrame:
    """Readings that end as the sites begin: 0.005 MWh/K that lose 0.0005 MW/K, heated by night; a little noise."""
    index = pd.date_range(HOURS[0] - pd.Timedelta(hours=hours - 1), periods=hours, freq="h", name="valid_at")
    rng = np.random.default_rng(1)
    outdoor = 4.0 + 3.0 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    heat = np.where(np.asarray(index.hour) < 8, 0.016, 0.004)
    indoor = np.empty(hours)
    air = 19.0
    kept = np.exp(-0.1)
    for t in range(hours):
        indoor[t] = air + rng.normal(0, 0.02)
        air = kept * air + (1 - kept) * (outdoor[t] + heat[t] / 0.0005) + rng.normal(0, 0.03)
    return pd.DataFrame({"indoor_c": indoor, "outdoor_c": outdoor, "heat_mw": heat}, index=index)
