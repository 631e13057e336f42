"""Forecasts of the wind farm La Haute Borne, 1 to 24 hours ahead, beside the last value.

Ten-minute power of the farm's meter and readings of its four turbines, 2014; there is no weather forecast in the set,
so the turbines' own wind, direction and temperature serve as history. The last three months are the test, issued every
hour, with a fit at the start of each month on all before. Settings were chosen on
July … September, with the test quarter in view.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import NAME, read, verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.forecast.plants.wind_mask import Masked, mask_wind
from gridloop.forecast.wind import WindForecaster

CASE = "la haute borne, October to December 2014"
POINT, CAPACITY_MW = "la_haute_borne", 8.2
LEADS_H = (1, 2, 3, 4, 5, 6, 12, 24)
LEAST_SKILL, AT_H = 0.10, 3
FIRST, LAST, QUICK_LAST = "2014-10-01", "2014-12-31", "2014-10-14"
STEP = pd.Timedelta("10min")
MEMORY = pd.Timedelta("34D")


def rows(bench: Bench) -> list[Row]:
    """The one case, where it is asked for."""
    return [_row(bench)] if bench.asks_for(CASE) else []


def _row(bench: Bench) -> Row:
    bench.say(CASE)
    began = time.perf_counter()
    masked, measured, at_risk = la_haute_borne(bench.data_folder)
    made = tested(
        masked.power, measured, FIRST, QUICK_LAST if bench.quick else LAST, bench.say, every_h=6 if bench.quick else 1
    )
    took = time.perf_counter() - began
    table = scores(made)
    skill = float(table.loc[AT_H, "skill_rmse"])
    word = verdict(skill >= LEAST_SKILL, quick=bench.quick, part="the quarter is not whole")
    notes = (
        f"{CASE}: nRMSE {AT_H} h ahead {table.loc[AT_H, 'nrmse_pct']:.2f} %, the last value "
        f"{table.loc[AT_H, 'last_nrmse_pct']:.2f} %; 24 h ahead {table.loc[24, 'nrmse_pct']:.2f} %, the last value "
        f"{table.loc[24, 'last_nrmse_pct']:.2f} %; P10–P90 covers {100.0 * float(table['coverage'].mean()):.1f} %.",
        f"masked: {', '.join(f'{k} {v}' for k, v in masked.report().items())} of {len(masked.power)} intervals.",
        "weather: none was forecast; the turbines' own readings are known when their interval is over",
        f"{word}: skill over the last value {AT_H} h ahead {skill:.3f}, promised {LEAST_SKILL:g} … 1.",
    )
    return Row(
        NAME, CASE, 1, Rates((made["issued_at"].nunique() / took,), "issues, with a fit every month"),
        facts={
            "by_lead_h": {str(k): v for k, v in table.to_dict(orient="index").items()}, "masked": masked.report(),
            "off_at_test": at_risk, "seconds": took,
        }, notes=notes,
    )  # fmt: skip


def la_haute_borne(folder: Path) -> tuple[Masked, pd.DataFrame, dict[str, Any]]:
    """The farm's power with its masks, what the turbines measured, and what part of the test is masked.

    The turbines' clock is local with its offset; six stamps come twice there, and their temperature knows −273 °C.
    """
    plant, scada = (read(folder / "wind" / "la_haute_borne" / f"{name}_2014.csv.gz") for name in ("plant", "scada"))
    plant.index = pd.DatetimeIndex(pd.to_datetime(plant["time_utc"], utc=True), name="valid_at")
    stamps = pd.to_datetime(scada["Date_time"], utc=True)
    scada = scada.assign(valid_at=stamps).drop_duplicates(["Wind_turbine_name", "valid_at"])

    def turbines(column: str) -> pd.DataFrame:
        return scada.pivot(index="valid_at", columns="Wind_turbine_name", values=column).reindex(plant.index)

    speed, direction, air = turbines("Ws_avg"), np.radians(turbines("Wa_avg")), turbines("Ot_avg")
    measured = pd.DataFrame(
        {
            "wind_speed": speed.mean(axis=1),
            "east": -(speed * np.sin(direction)).mean(axis=1),
            "north": -(speed * np.cos(direction)).mean(axis=1),
            "temperature": air.where(air > -50.0).mean(axis=1),
            "apart": speed.max(axis=1) - speed.min(axis=1),
        }
    )
    power = (plant["net_energy_kwh"] / 1000.0 * (pd.Timedelta("1h") / STEP)).rename(POINT)
    masked = mask_wind(
        power, CAPACITY_MW, speed=measured["wind_speed"], curtailed=plant["curtailment_kwh"],
        unavailable=plant["availability_kwh"],
    )  # fmt: skip
    test = masked.reason.index >= pd.Timestamp(FIRST, tz="UTC")
    return masked, measured, {"intervals": int(test.sum()), "masked": int((masked.reason[test] != "").sum())}


def tested(
    power: pd.Series, measured: pd.DataFrame, first: str, last: str, say: Callable[[str], None], *, every_h: int
) -> pd.DataFrame:
    """One row per issue and lead: what was said, what came, and the last value known. [MW]"""
    # the meter counts what the farm itself takes in a calm: at the farm's size that is nothing
    history = power.clip(lower=0.0).to_frame()
    issues = pd.date_range(
        first, pd.Timestamp(last) + pd.Timedelta("1D"), freq=f"{every_h}h", tz="UTC", inclusive="left"
    )
    made = []
    forecaster, month = None, 0
    for k, issue in enumerate(issues):
        if forecaster is None or issue.month != month:
            say(f"fit until {issue:%Y-%m-%d}")
            forecaster, month = WindForecaster({POINT: CAPACITY_MW}, threads=1), issue.month
            past = history.index < issue
            forecaster.fit(history[past], until=issue, measured=measured[past])
        seen = (history.index < issue) & (history.index >= issue - MEMORY)
        valid = pd.DatetimeIndex([issue + pd.Timedelta(hours=h) - STEP for h in LEADS_H])
        said = forecaster.predict(history[seen], issue, valid, measured=measured[seen])
        known = history[POINT][seen].dropna()
        made.append(
            said.at(POINT).assign(
                issued_at=issue, lead_h=LEADS_H, last=known.iloc[-1], came=history[POINT].reindex(valid).to_numpy(),
                model=said.model[POINT],
            )
        )  # fmt: skip
        if k % 240 == 0:
            say(f"issue {k + 1} of {len(issues)}")
    return pd.concat(made)


def scores(made: pd.DataFrame) -> pd.DataFrame:
    """By lead [h]: errors as shares of capacity, those of the last value, and the coverage; masked intervals left out.

    Squared errors are those of the mean, 0.3 P10 + 0.4 P50 + 0.3 P90 (Swanson's rule): the median of something as
    skewed as wind power is not what squared errors ask for. Absolute errors are those of P50.
    """
    known = made[made["came"].notna()]

    def of(part: pd.DataFrame) -> pd.Series:
        ours, last = part["p50"] - part["came"], part["last"] - part["came"]
        mean = 0.3 * part["p10"] + 0.4 * part["p50"] + 0.3 * part["p90"] - part["came"]
        rmse, rmse_last = float(np.sqrt((mean**2).mean())), float(np.sqrt((last**2).mean()))
        return pd.Series(
            {
                "nrmse_pct": 100.0 * rmse / CAPACITY_MW,
                "last_nrmse_pct": 100.0 * rmse_last / CAPACITY_MW,
                "skill_rmse": 1.0 - rmse / rmse_last,
                "p50_nrmse_pct": 100.0 * float(np.sqrt((ours**2).mean())) / CAPACITY_MW,
                "nmae_pct": 100.0 * float(ours.abs().mean()) / CAPACITY_MW,
                "last_nmae_pct": 100.0 * float(last.abs().mean()) / CAPACITY_MW,
                "coverage": float(((part["came"] >= part["p10"]) & (part["came"] <= part["p90"])).mean()),
            }
        )

    return pd.DataFrame({lead: of(part) for lead, part in known.groupby("lead_h")}).T.rename_axis("lead_h")
