"""Compressed air: a planned sequence of six machines beside a tuned cascade, over one synthetic week.

Run `python examples/compressed_air.py [WEEK]`. The machines and the factory are made up, and so is what is saved; the
baseline is a cascade of pressure switches, tuned on the week before, in the same simulation.
"""

# ruff: noqa: T201 (an example prints)

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

import gridloop as gl
from gridloop.optimize.compressors.demand import STEP_S, demo_station, synthetic_week
from gridloop.optimize.compressors.rules import FollowSequence, tune_cascade
from gridloop.optimize.compressors.simulation import simulate

TARGET_BAR = 6.45


def main() -> None:
    """Tune the cascade, plan the week, and run both."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    before, week = synthetic_week(seed=1, week=number - 1), synthetic_week(seed=1, week=number)
    station = demo_station()
    cascade = tune_cascade(station, [before.used], STEP_S)
    # Planned around the target, with some flow to spare; energy costs the same at all times.
    planned = replace(
        station, demand_m3_per_min=week.mean.to_numpy(), reserve_m3_per_min=1.0, min_bar=TARGET_BAR, max_bar=6.6,
        start_bar=None, leak_m3_per_min=station.leak(TARGET_BAR),
    )  # fmt: skip
    plan = gl.schedule([planned], pd.Series(100.0, index=week.mean.index), mip_gap=0.005)
    on = plan.wide("on")[planned.names].to_numpy().T > 0.5
    rule = FollowSequence(on, hours=0.25, target_bar=TARGET_BAR, low_bar=station.min_bar + 0.05)
    print(f"Synthetic week from {week.start:%Y-%m-%d}: {week.used.sum() * STEP_S / 60:,.0f} m³ of air.")
    print(f"Sequence of {on.shape[0]} machines and {on.shape[1]} intervals, at most {plan.gap:.2%} from the best.\n")
    print(f"{'':10}{'MWh':>8}{'starts':>8}{'lowest bar':>12}{'highest bar':>13}{'outside, s':>12}")
    runs = {
        "cascade": simulate(station, week.used, STEP_S, cascade),
        "sequence": simulate(station, week.used, STEP_S, rule),
    }
    for name, run in runs.items():
        bar = run.pressure_bar
        print(f"{name:10}{run.energy_mwh:8.1f}{run.starts:8d}{bar.min():12.2f}{bar.max():13.2f}{run.outside_s:12.0f}")
    saved = 1.0 - runs["sequence"].energy_mwh / runs["cascade"].energy_mwh
    print(f"\nThe sequence saves {saved:.1%} of the cascade's energy (synthetic).")
    hours = pd.DataFrame(
        {name: np.round(run.run_h) for name, run in runs.items()}, index=[m.id for m in station.machines]
    )
    print("\nHours of running:")
    print(hours.T.astype(int).to_string())


if __name__ == "__main__":
    main()
