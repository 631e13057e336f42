"""Demand response in a street: who is called in turn, what was delivered and how surely, and what it costs each group.

Run `python examples/demand_response.py` for 40 made-up homes over a year, or
`python examples/demand_response.py FOLDER` for recorded ones (a folder of CityLearn, such as homes/fontana).
The baseline is the same year without a programme, in the same run.
"""

# ruff: noqa: T201 (an example prints)

import sys

import numpy as np
import pandas as pd

import gridloop as gl
from gridloop.market.demand_response.program import DRProgram
from gridloop.market.demand_response.records import FONTANA_ZONE, fontana
from gridloop.market.demand_response.study import study_program
from gridloop.market.demand_response.trial import placebo_trial
from gridloop.optimize.devices.shiftable import Shiftable
from gridloop.optimize.devices.shiftable_run import ShiftableRun
from gridloop.optimize.devices.water_heater import WaterHeater

HOMES, DAYS = 40, 240


def street(seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Hourly loads [MW] of homes of many sizes with an evening peak, and a tariff with a dear evening."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2026-01-01", periods=24 * DAYS, freq="h", tz=FONTANA_ZONE)
    clock = hours.hour.to_numpy()
    evening = 0.4 + 0.2 * np.exp(-(((clock - 7) / 2) ** 2)) + np.exp(-(((clock - 19) / 2.5) ** 2))
    weather = np.repeat(1 + 0.1 * rng.standard_normal(DAYS), 24)  # the same for all
    size_kw = rng.lognormal(0.0, 0.4, HOMES)
    noise = rng.lognormal(0.0, 0.35, (len(hours), HOMES))
    load = pd.DataFrame(evening[:, None] * weather[:, None] * size_kw * noise / 1000, index=hours.tz_convert("UTC"))
    load.columns = [f"home {k:02}" for k in range(HOMES)]
    dear = (clock >= 16) & (clock < 21)
    return load, pd.Series(np.where(dear, 540.0, 220.0), index=load.index)


def one_home() -> None:
    """A home that answers prices by itself: a tank, a pool pump and a washing run, against taking all at once."""
    hours = pd.date_range("2026-06-15 16:00", periods=24, freq="h", tz=FONTANA_ZONE).tz_convert("UTC")
    dear = np.arange(24) < 5
    prices = pd.Series(np.where(dear, 540.0, 220.0), index=hours)
    washing = [0.002, 0.0005]
    devices: list[object] = [
        Shiftable(0.004, 0.001, id="pool"),
        ShiftableRun(washing, pd.Timedelta("1h"), latest=hours[8], id="washing"),
        WaterHeater(200.0, 0.003, draw_l=np.where(dear, 30.0, 4.0), id="tank"),
    ]
    plan = gl.schedule(devices, prices)
    # Uncontrolled: pool and washing begin at once, and the tank puts back what is drawn in the same hour.
    tank = WaterHeater(200.0, 0.003, draw_l=np.where(dear, 30.0, 4.0), min_c=55.0, max_c=55.0, id="tank")
    kept = gl.schedule([tank], prices)
    pool, wash = np.where(np.arange(24) < 4, 0.001, 0.0), np.array(washing + [0.0] * 22)
    at_once = float(((pool + wash) * prices).sum()) + float((kept.of("tank", "p_mw") * prices).sum())
    planned = sum(float((plan.of(d, "p_mw") * prices).sum()) for d in ("pool", "washing", "tank"))
    print(f"One home, one day: {planned:.2f} planned, {at_once:.2f} uncontrolled.")
    print(plan.setpoints()[["device", "quantity", "value", "reason"]].to_string(index=False))


def main() -> None:
    """Plan one home, run the programme, and print it beside the year without."""
    one_home()
    load, price = fontana(sys.argv[1]) if len(sys.argv) > 1 else street()
    start = pd.Timestamp(load.index[0]).tz_convert(FONTANA_ZONE).tz_localize(None).normalize()
    program = DRProgram(max_events=8, max_calls=4, begin_h=14, end_h=21, payment_per_mwh=1000.0, zone=FONTANA_ZONE)
    study = study_program(
        load, price, program, begin_h=16, hours=4, need_share=0.05, first_day=start + pd.Timedelta(days=120)
    )
    table = study.event[["called", "expected_mw", "true_mw", "measured_mw", "low_mw", "high_mw", "paid"]] * 1.0
    kw = table.filter(like="_mw") * 1000
    shown = pd.concat(
        [table[["called"]], kw.rename(columns=lambda c: c.replace("_mw", "_kw")), table[["paid"]]], axis=1
    )
    print(f"\n{len(shown)} events:")
    print(shown.round(2).set_axis(study.event.index.tz_convert(FONTANA_ZONE).strftime("%Y-%m-%d")).to_string())
    print("\nWho bears it, by size of the home:")
    print(study.group[["customers", "calls", "most_calls", "share_of_customers", "share_of_calls", "paid"]].round(2))
    saved = study.energy_cost_without - study.energy_cost
    lower = float((study.event["peak_without_mw"] - study.event["peak_mw"]).mean()) * 1000
    print(f"\nWithout the programme the year's energy costs {study.energy_cost_without:.0f}, with it {saved:.1f} less;")
    print(f"{study.paid:.1f} is paid to those who answered, and the peak of the events is {lower:.2f} kW lower.")
    trial = placebo_trial(load, begin_h=16, hours=4, zone=FONTANA_ZONE)
    print(
        f"On {trial.total['events']:.0f} days without an event the baseline errs {trial.total['bias_share']:+.1%} on "
        f"the mean, and the 90 % interval holds on {trial.total['coverage']:.0%} of them."
    )


if __name__ == "__main__":
    main()
