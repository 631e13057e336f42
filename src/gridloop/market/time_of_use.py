"""Time-of-use tariffs of industry whose published figures can be named.

`korean_industrial_2012`: KEPCO, industrial service (B) for 300 kW and more, high voltage A, option II, in force from
1 January 2012. Demand 7,930 KRW per kW and month; energy in KRW per kWh:

    load        summer (June to August)   spring and autumn   winter (November to February)
    light              47.0                     47.0                    52.4
    medium             93.1                     67.2                    91.5
    heavy             162.6                     93.0                   139.1

Figures: KEPCO's table of 2012 as reprinted at songdonet.tistory.com/3946. Hours: KEPCO, Electricity Tariff Structure
(home.kepco.co.kr, page ENFBHP00109): light 23–9; heavy 10–12 and 13–17, in winter 10–12, 17–20 and 22–23; medium
between. In that table of 2012 summer began in July; the months here are those of KEPCO's page. Taxes, Sundays and
Saturdays, which the tariff treats milder, and power factor are left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.series.clock import require_utc, to_local

KRW_PER_MW_MONTH = 7_930_000.0
KRW_PER_MWH = {
    "light": (47_000.0, 47_000.0, 52_400.0),
    "medium": (93_100.0, 67_200.0, 91_500.0),
    "heavy": (162_600.0, 93_000.0, 139_100.0),
}
SUMMER, WINTER = (6, 7, 8), (11, 12, 1, 2)


def korean_industrial_2012(times: pd.DatetimeIndex, zone: str = "Asia/Seoul") -> pd.Series:
    """Price of every interval in KRW per MWh. times: starts (UTC); the clock of the tariff is that of `zone`"""
    local = to_local(require_utc(times, "tariff"), zone)
    month, hour = np.asarray(local.month), np.asarray(local.hour)
    winter = np.isin(month, WINTER)
    season = np.where(np.isin(month, SUMMER), 0, np.where(winter, 2, 1))
    day_heavy = ((hour >= 10) & (hour < 12)) | ((hour >= 13) & (hour < 17))
    winter_heavy = ((hour >= 10) & (hour < 12)) | ((hour >= 17) & (hour < 20)) | (hour == 22)
    light = (hour >= 23) | (hour < 9)
    heavy = np.where(winter, winter_heavy, day_heavy)
    rows = np.array([KRW_PER_MWH[load] for load in ("light", "medium", "heavy")])
    load = np.where(light, 0, np.where(heavy, 2, 1))
    return pd.Series(rows[load, season], index=times, name="krw_per_mwh")
