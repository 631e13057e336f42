"""Charge a fleet: the cheapest charging of any number of cars under one limit.

Equations, proofs and what is compared with what: docs/math/flexibility-charging.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import GapInSeries, OutOfRange, listed
from gridloop.optimize.charging.stays import same_times
from gridloop.optimize.charging_fleet.cars import Cars, cars_of
from gridloop.optimize.charging_fleet.flow import CRUMB, Settled, settle
from gridloop.optimize.charging_fleet.pieces import charge_of_cars, cheapest_cost, pieces_of
from gridloop.optimize.charging_fleet.result import FleetPlan
from gridloop.optimize.charging_fleet.shortfall import fair_energy, least_limit_mw
from gridloop.optimize.devices.connection import price_table
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


def charge_fleet(
    sessions: pd.DataFrame,
    prices: pd.DataFrame | pd.Series,
    *,
    limit_mw: float | FloatArray | pd.Series | None = None,
    base_mw: float | FloatArray | pd.Series = 0.0,
    early_cost: float = 0.01,
    value_of_lost_charge: float = 5_000.0,
    threads: int | None = None,
) -> FleetPlan:
    """The cheapest charging of all cars, exactly, with the sum of cars and base load below a limit.

    sessions   index session; columns arrival, departure (UTC), energy_mwh still to charge, max_charge_mw; optional
               priority (greater is served first, missing is 0). Other columns are left alone
    prices     regular index of the starts of the intervals (UTC); import_eur_per_mwh, or one series. May be negative
    limit_mw   most that cars and base load take together: one number or one per interval; None for no limit
    base_mw    what else stands behind the limit: one number or one per interval
    early_cost money per MWh and hour of waiting: breaks ties towards charging early
    value_of_lost_charge  money per MWh that a driver leaves without; above every price: all is served that can be
    threads    for the parts that work on single cars; the result is the same for any number

    The same problem as `gl.schedule` with one `EVFleet`, one `Load` and an import limit that does not give way; a
    million cars take seconds. The cost is the same where prices are not below zero and all cars have one priority: here
    a car never takes more than it needs within the horizon, where `gl.schedule` has it take more when that is paid for,
    and a MWh that is left out costs the same whatever the priority of its car. Each car keeps its power, stay and
    energy; cars alike are charged alike.
    What fits in after the horizon waits until then. Where the limit cannot serve all, as much as possible is served:
    greater priority first, within a priority the shares that are left without are as equal as can be.

    Raises `MissingColumn`, `GapInSeries`, or `OutOfRange`: a base load above the limit, no zone, a horizon that is not
    regular, wrong sessions.
    """
    table = price_table(prices)
    horizon = Horizon.regular(pd.DatetimeIndex(table.index))
    steps, hours = len(horizon), float(horizon.hours[0])
    price = _per_step(table["import_eur_per_mwh"].to_numpy(dtype=float), "prices", horizon)
    base = _per_step(base_mw, "base_mw", horizon)
    limit = np.full(steps, np.inf) if limit_mw is None else _per_step(limit_mw, "limit_mw", horizon)
    waiting = price + early_cost * horizon.waiting
    if not value_of_lost_charge > waiting.max():
        raise OutOfRange(
            f"value_of_lost_charge is {value_of_lost_charge:g}; it must be above every price, the highest is "
            f"{waiting.max():g} with the cost of waiting.",
            highest=float(waiting.max()),
        )
    _refuse_base(base, limit, horizon)
    cars = cars_of(sessions, horizon)
    room = (limit - base) * hours if np.isfinite(limit).any() else None
    wanted = settle(pieces_of(cars, cars.fits_mwh, steps, threads), waiting, room)
    served, settled = cars.fits_mwh, wanted
    if room is not None and not wanted.fits:
        served = fair_energy(cars, room, threads)
        settled = settle(pieces_of(cars, served, steps, threads), waiting, room)
    power, total = charge_of_cars(cars, served, settled.pieces, settled.taken, 1.0 / hours, steps, threads)
    energy = total * hours
    worth = wanted.worth(waiting, value_of_lost_charge)
    short = np.clip(cars.need_mwh - served, 0.0, None)
    parts = {
        "import": float(price @ energy),
        "ev_waiting": float(early_cost * horizon.waiting @ energy),
        "ev_unserved": float(value_of_lost_charge * short.sum()),
    }
    return FleetPlan(
        horizon=horizon,
        table=pd.DataFrame(
            {"ev_mw": total, "base_mw": base, "limit_mw": limit, "price": price, "limit_price": worth - waiting},
            index=horizon.starts,
        ),
        sessions=pd.DataFrame(
            {
                "energy_mwh": cars.need_mwh,
                "served_mwh": served,
                "short_mwh": short,
                "short_of_stay_mwh": cars.need_mwh - cars.fits_mwh,
            },
            index=cars.ids,
        ),
        power_mw=power,
        first=cars.first,
        place=cars.place,
        cost=sum(parts.values()),
        parts=parts,
        gap=_gap(cars, waiting, worth, room, float(waiting @ energy), value_of_lost_charge, served, threads),
        status="short" if short.sum() > CRUMB * cars.need_mwh.sum() else "optimal",
        diagnosis=_why_short(cars, served, wanted, limit, base, waiting, horizon),
        arrival=_utc(sessions["arrival"]),
        departure=_utc(sessions["departure"]),
    )


def _utc(times: pd.Series) -> pd.DatetimeIndex:
    """Times in UTC; those of an empty table may have no zone. [session]"""
    found = pd.DatetimeIndex(times)
    return (found.tz_localize("UTC") if found.tz is None else found.tz_convert("UTC")).as_unit("ns")


def _gap(
    cars: Cars,
    price: FloatArray,
    worth: FloatArray,
    room: FloatArray | None,
    paid: float,
    lost: float,
    served: FloatArray,
    threads: int | None,
) -> float:
    """Share of what is paid that another charge could save at most: by weak duality, from the cars as they are.

    At prices `worth` every car alone pays at least …, and the limit takes in no more than its price times its room:
    the difference is below the cost of any charge.
    """
    order = np.argsort(worth, kind="stable").astype(np.int64)
    alone = cheapest_cost(cars, cars.fits_mwh, worth, order, threads)
    taken_in = 0.0 if room is None else float(((worth - price) * np.where(worth > price, room, 0.0)).sum())
    cost = paid + lost * float((cars.fits_mwh - served).sum())
    size = float(np.abs(price).max()) * float(cars.fits_mwh.sum())
    return (cost - (alone - taken_in)) / max(abs(cost), 1e-6 * size, 1e-12)  # of nothing paid, of what it could be


def _per_step(values: float | FloatArray | pd.Series, name: str, horizon: Horizon) -> FloatArray:
    """One number per interval. [step]"""
    if isinstance(values, pd.Series) and not same_times(values.index, horizon):
        raise OutOfRange(f"{name} is a series with times other than those of the prices; give it on their index.")
    array = np.asarray(values, dtype=float)
    if array.size not in (1, len(horizon)):
        raise OutOfRange(f"{name} has {array.size} values for {len(horizon)} intervals.", values=array.size)
    wide = np.broadcast_to(array.reshape(-1) if array.ndim else array, (len(horizon),)).astype(float)
    missing = np.flatnonzero(np.isnan(wide))
    if missing.size:
        raise GapInSeries(
            f"{missing.size} of {len(horizon)} {name} are missing (first at {horizon.starts[int(missing[0])]}). "
            "Fill them by name, or plan a shorter horizon.",
            missing=int(missing.size),
        )
    return wide


def _refuse_base(base: FloatArray, limit: FloatArray, horizon: Horizon) -> None:
    above = np.flatnonzero(base > limit)
    if above.size:
        most = float((base - limit).max())
        raise OutOfRange(
            f"The base load alone is above the limit in {above.size} of {len(base)} intervals (first at "
            f"{horizon.starts[int(above[0])]}), by {most:.6g} MW at most. Raise limit_mw by that, or lower base_mw.",
            at=list(horizon.starts[above]),
            least_more_mw=most,
        )


def _why_short(
    cars: Cars,
    served: FloatArray,
    wanted: Settled,
    limit: FloatArray,
    base: FloatArray,
    price: FloatArray,
    horizon: Horizon,
) -> Diagnosis | None:
    """Who leaves short, when there is no room, and the least that would change it; None where nobody does."""
    crumb = CRUMB * max(float(cars.need_mwh.sum()), 1e-30)
    stay, lack = cars.need_mwh - cars.fits_mwh, cars.fits_mwh - served
    causes: list[str] = []
    advice: list[str] = []
    facts: dict[str, Any] = {}
    if (hurried := np.flatnonzero(stay > crumb)).size:
        names = [str(i) for i in cars.ids[hurried]]
        causes.append(
            f"{len(names)} of {len(cars)} sessions ask for more than fits into their stay at full power, "
            f"{stay.sum():.6g} MWh in all ({listed(names)})."
        )
        advice.append("Let them stay longer, charge faster or ask for less.")
        facts |= {"short_of_stay": names, "short_of_stay_mwh": float(stay.sum())}
    if not wanted.fits:
        names = [str(i) for i in cars.ids[np.flatnonzero(lack > crumb)]]
        full = np.flatnonzero(wanted.pocket())
        more = least_limit_mw(wanted, base, limit, float(horizon.hours[0]), price)
        causes.append(
            f"The limit leaves {len(names)} of {len(cars)} sessions {lack.sum():.6g} MWh short ({listed(names)}): "
            f"it is full in {full.size} intervals from {horizon.starts[int(full[0])]} to {horizon.ends[int(full[-1])]}."
        )
        advice.append(f"With {more:.6g} MW more all would be served.")
        facts |= {"short": names, "short_mwh": float(lack.sum()), "full": list(horizon.starts[full]), "more_mw": more}
    return Diagnosis("short", causes, " ".join(advice), facts) if causes else None
