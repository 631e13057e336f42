"""What cannot be, said before a plan is made: which car or limit, when, and the smallest change that would mend it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import listed
from gridloop.optimize.charging.fair import fair_energies, least_raise
from gridloop.optimize.charging.result import CRUMB_MWH, Charging
from gridloop.optimize.charging.stays import Stays, as_fleet, each_step, stays_of
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.ev_sessions import giving_power, numbers
from gridloop.optimize.horizon import Horizon
from gridloop.units import FloatArray


def charging_problems(
    fleet: EVFleet | pd.DataFrame,
    horizon: Horizon,
    *,
    limit_mw: float | Sequence[float] | FloatArray | pd.Series = np.inf,
    base_mw: float | Sequence[float] | FloatArray | pd.Series = 0.0,
) -> Diagnosis | None:
    """Why not every car can have its energy, or the site keep its limit; None where both can be.

    limit_mw  of the site (a transformer), base load included: one number or one per interval
    base_mw   what the site takes beside the cars

    A plan is made all the same: cars leave short, and limits of the connection give way at a price. The facts are
    those of the sentences: base_load, stays, batteries, ports, together. What a car gives to others is not counted on.
    """
    fleet, limit = as_fleet(fleet), each_step(limit_mw, horizon, "limit_mw")
    base = each_step(base_mw, horizon, "base_mw")
    return problems_of(fleet, horizon, limit, base, fair_energies(fleet, horizon, limit - base).to_numpy())


def problems_of(
    fleet: EVFleet,
    horizon: Horizon,
    limit: FloatArray,
    base: FloatArray,
    served_mwh: FloatArray,
    charging: Charging | None = None,
) -> Diagnosis | None:
    """The same where the fair energies are known, and of a plan what it left out. limit, base [step]

    served_mwh  of fair shares. [session]
    charging    as planned: what could have been served and was not, for it was too dear, is the fact price
    """
    stays = stays_of(fleet, horizon)
    causes: list[str] = []
    facts: dict[str, object] = {}
    for name, found in (
        ("base_load", _base_load(horizon, base, limit)),
        ("ports", _ports(stays)),
        ("stays", _too_short(stays)),
        ("batteries", _too_full(stays, fleet)),
        ("together", _together(stays, np.clip(limit - base, 0.0, None), served_mwh)),
        ("price", None if charging is None else _too_dear(stays, fleet, served_mwh, charging)),
    ):
        if found is not None:
            causes.append(found[0])
            facts[name] = found[1]
    if not causes:
        return None
    return Diagnosis(
        "cannot_be_met",
        causes,
        "Make one of these changes, or let the cars named here leave short: a plan says which.",
        facts,
    )


Found = tuple[str, object] | None


def _base_load(horizon: Horizon, base: FloatArray, limit: FloatArray) -> Found:
    over = base - limit
    if not (over > 0).any():
        return None
    t = int(np.argmax(over))
    count = int((over > 0).sum())
    said = (
        f"The base load alone is above the limit of the site in {count} of {len(base)} intervals, most at "
        f"{horizon.starts[t]:%Y-%m-%d %H:%M} UTC: {base[t]:.4g} MW of {limit[t]:.4g} MW. Raise the limit, or lower the "
        f"load, by {over[t]:.3g} MW there."
    )
    return said, {"intervals": list(horizon.starts[over > 0]), "raise_mw": float(over[t])}


def _ports(stays: Stays) -> Found:
    ids = [name for name, never in zip(stays.ids, stays.never, strict=True) if never]
    if not ids:
        return None
    said = (
        f"{len(ids)} cars find no free port before they leave ({listed(ids)}). Each needs one more port at its station."
    )
    return said, {"sessions": ids}


def _too_short(stays: Stays) -> Found:
    """Cars whose energy does not fit into their own stay at full power."""
    hours = stays.until - stays.since
    missing = np.where(stays.never, 0.0, stays.energy_mwh - stays.power_mw * hours)
    missing = np.where(stays.until > stays.horizon.waiting[0], missing, 0.0)
    who = np.flatnonzero(missing > CRUMB_MWH)
    if not who.size:
        return None
    changes = {
        stays.ids[k]: {
            "missing_mwh": float(missing[k]),
            "stay_longer_h": float(missing[k] / stays.power_mw[k]) if stays.power_mw[k] > 0 else float("inf"),
            "more_power_mw": float(missing[k] / hours[k]),
        }
        for k in who[np.argsort(-missing[who], kind="stable")]
    }
    worst, change = next(iter(changes.items()))
    k = stays.ids.index(worst)
    leaves = stays.horizon.starts[0] + pd.Timedelta(hours=float(stays.until[k]))
    said = (
        f"{len(changes)} cars ask for more than fits into their stay at full power ({listed(list(changes))}). {worst}, "
        f"which leaves at {leaves:%Y-%m-%d %H:%M} UTC, would have to stay {60 * change['stay_longer_h']:.4g} minutes "
        f"longer, charge {1000 * change['more_power_mw']:.3g} kW faster, or ask for "
        f"{1000 * change['missing_mwh']:.3g} kWh less."
    )
    return said, changes


def _too_full(stays: Stays, fleet: EVFleet) -> Found:
    """Cars that ask for more than their battery has room for."""
    table = fleet.sessions
    room = (
        (1.0 - numbers(table, "soc_arrival"))
        * numbers(table, "capacity_mwh")
        / numbers(table, "charge_efficiency", 1.0)
    )
    over = stays.energy_mwh - room
    who = np.flatnonzero(over > CRUMB_MWH)  # NaN, an unknown battery, is none of these
    if not who.size:
        return None
    worst = who[np.argmax(over[who])]
    said = (
        f"{who.size} cars ask for more than their battery has room for ({listed([stays.ids[k] for k in who])}). "
        f"{stays.ids[worst]} would have to ask for {1000 * over[worst]:.3g} kWh less."
    )
    return said, {stays.ids[k]: float(over[k]) for k in who}


def _together(stays: Stays, limit: FloatArray, served_mwh: FloatArray) -> Found:
    """What limits that cars share keep from them, and the least raise of the site's own."""
    alone = stays.alone_mwh
    got = served_mwh - (stays.energy_mwh - stays.within_mwh)
    missing = np.where(alone - got > CRUMB_MWH, alone - got, 0.0)
    who = np.flatnonzero(missing)
    if not who.size:
        return None
    names = [stays.ids[k] for k in who[np.argsort(-missing[who], kind="stable")]]
    raise_mw = least_raise(stays, limit) if np.isfinite(limit).any() else 0.0
    said = (
        f"{who.size} cars cannot all have their energy beside each other: {missing.sum():.4g} MWh are missing "
        f"({listed(names)})."
    )
    if raise_mw > 0:
        said += f" A limit of the site raised by {raise_mw:.3g} MW would do."
    else:
        said += " It is their stations, or the fleet, that have too little power."
    return said, {"short_mwh": {stays.ids[k]: float(missing[k]) for k in who}, "raise_mw": raise_mw}


def _too_dear(stays: Stays, fleet: EVFleet, served_mwh: FloatArray, charging: Charging) -> Found:
    """Cars that could have had more, and do not because of what it costs."""
    could = served_mwh - (stays.energy_mwh - stays.within_mwh)
    missing = could - charging.served_mwh.to_numpy()
    # Who may give and stays on may end a horizon with less than it came with: that is no lack.
    missing = np.where((giving_power(fleet.sessions) > 0) & (stays.until > stays.horizon.waiting[-1]), 0.0, missing)
    missing = np.where(missing > CRUMB_MWH, missing, 0.0)
    # Where a plan shares in another way some have more and others less, and all together the same.
    if could.sum() - charging.served_mwh.sum() <= CRUMB_MWH * len(stays) or not missing.any():
        return None
    who = np.flatnonzero(missing)
    names = [stays.ids[k] for k in who[np.argsort(-missing[who], kind="stable")]]
    said = (
        f"{who.size} cars are not served because their energy is dearer than value_of_lost_charge, "
        f"{fleet.value_of_lost_charge:g} per MWh: {missing.sum():.4g} MWh are left out ({listed(names)}). A greater "
        "value_of_lost_charge would have them served."
    )
    return said, {stays.ids[k]: float(missing[k]) for k in who}
