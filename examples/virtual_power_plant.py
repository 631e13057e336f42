"""A virtual power plant: what it bids, who does what for its promise, who stands in, and what was delivered.

Run `python examples/virtual_power_plant.py`.
"""

# ruff: noqa: T201 (an example prints)

import math

import numpy as np
import pandas as pd

import gridloop as gl
from gridloop.optimize.vpp.delivery import track_delivery
from gridloop.optimize.vpp.plant import VirtualPowerPlant

HOURS = pd.date_range("2026-06-15", periods=24, freq="h", tz="UTC")
# EUR/MWh of 24 hours: cheap at noon, dear in the evening.
PRICES = pd.Series(
    [71, 66, 63, 62, 64, 72, 88, 95, 84, 61, 38, 22, 14, 12, 19, 36, 62, 98, 131, 142, 127, 108, 92, 80],
    index=HOURS,
    dtype=float,
)


def plant() -> VirtualPowerPlant:
    """Three batteries of different wear, a roof, a load that nobody wants in the dark, and twelve cars."""
    sun = np.clip(np.sin((HOURS.hour.to_numpy() - 5) / 14 * np.pi), 0.0, None)
    cars = pd.DataFrame(
        {
            "bus": "",
            "arrival": HOURS[8],
            "departure": HOURS[17],
            "energy_mwh": np.linspace(0.010, 0.040, 12),
            "max_charge_mw": 0.011,
        },
        index=[f"car {k + 1}" for k in range(12)],
    )
    batteries = [
        gl.Battery(4.0, 1.0, 1.0, degradation_cost=wear, id=name)
        for name, wear in (("depot", 4.0), ("school", 8.0), ("mill", 16.0))
    ]
    roof = gl.Renewable(3.0 * sun, curtailment_cost=10.0, id="roof")
    return VirtualPowerPlant([*batteries, roof, gl.Load(np.full(24, 0.6), id="works"), gl.EVFleet(cars)])


def main() -> None:
    """One day from the bid to the bill."""
    own = plant()
    evening = HOURS[[19]]
    bids = own.offer(PRICES, intervals=evening, low=0.0, high=400.0)
    print(f"Bid for {evening[0]:%H:%M}, by price ({bids.solves} plans):")
    print(bids.table[["from_eur_per_mwh", "to_eur_per_mwh", "injection_mw"]].round(2).to_string(index=False))

    # The market clears as expected: the best block is promised.
    promised = own.blocks(PRICES.to_frame("day ahead")).set_index("valid_at")["injection_mw"]
    split = own.split(promised, PRICES)
    off = max(abs(math.fsum(row) - mw) for row, mw in zip(split.injection_mw.to_numpy(), promised, strict=True))
    print(
        f"\nPromised {promised.clip(lower=0).sum():.2f} MWh out, {-promised.clip(upper=0).sum():.2f} MWh in; ", end=""
    )
    print(f"what the devices do adds up to it within {off:.0e} MW")
    print("\nWhat is sent now, and why:")
    print(split.setpoints()[["device", "value", "reason", "binding"]].head(5).round(3).to_string(index=False))

    after = own.replace(split, ["depot"], HOURS[18], PRICES)
    print(f"\nAt 18:00 the depot's battery drops out. {after.plan.diagnosis or 'The others stand in for all of it.'}")

    # What came: the school's battery gave a tenth less than it was told.
    came = after.injection_mw.copy()
    came["school"] = np.where(came["school"] > 0, 0.9 * came["school"], came["school"])
    found = track_delivery(after, came.iloc[18:], tolerance_share=0.02, short_price=200.0)
    print(f"\nDelivered since then: {found.kept_share:.0%} of the hours kept, {found.penalty:.2f} EUR of penalties")
    for line in found.sentences()[:3]:
        print(" ", line)


if __name__ == "__main__":
    main()
