"""Digest of one plan with every kind of device; run as a script it writes it, for a process of its own."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import pandas as pd

from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.load import Load
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.devices.tap_changer import TapChanger
from gridloop.optimize.problems.schedule import schedule
from gridloop.testing import moment, village

n = 6
starts = pd.date_range(moment(), periods=n, freq="1h")
net = village().edit("bus", {"farm": {"v_max_pu": 1.02}}, author="test", time=moment(), reason="")
cars = pd.DataFrame(
    {"bus": "mill", "arrival": moment(), "departure": moment(5), "energy_mwh": 0.3, "max_charge_mw": 0.2},
    index=[f"car {k}" for k in range(5)],
)
devices = [
    Load(np.linspace(1.5, 2.5, n), 0.3, id="load", bus="mill"),
    Renewable(np.array([0.5, 1.5, 4.0, 5.0, 4.0, 1.0]), 20.0, 0.3, id="sun", bus="farm"),
    *(Battery(2.0, 0.7, 0.7, id=f"battery {k}", bus="mill") for k in range(3)),
    EVFleet(cars),
    TapChanger(("T1",), 0, -9, 9, id="tap", bus="busbar"),
]
plan = schedule(devices, pd.Series([50.0, 50.0, 20.0, 20.0, 50.0, 50.0], index=starts), network=net)
# Floats are written to the last bit.
exact = plan.table.assign(**{name: plan.table[name].map(float.hex) for name in ("value", "shadow_price", "hours")})
digest = hashlib.sha256((exact.to_csv() + float.hex(plan.cost)).encode()).hexdigest()

if __name__ == "__main__":
    sys.stdout.write(digest)
