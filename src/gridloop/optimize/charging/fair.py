"""Fair shares of energy where not all cars can have theirs: by priority, and within one in proportion to need.

A need is what a car could have were it alone: nobody is to blame for a stay too short for its wish.

What a site can deliver to its cars, at most so much to each in each interval, at most so much to all of a station or of
the site, is a polymatroid: the energies of flows from intervals to cars (Megiddo 1974). On it the shares energy / need
that are lexicographically max-min are unique, deliver as much as any others do together, and are the minimum of every
sum of one strictly convex function of the shares, weighted by the needs (Fujishige 1980): there is one meaning of fair.

    1.  raise λ, the share that every open car has, as far as it goes; closed cars keep theirs
    2.  cars whose row has a dual have that share in every optimum: close them there; back to 1 until none is open

Priorities are done one after the other, the greatest first. Each round is a linear program here; where cars share
nothing but a limit of the site `charging_fleet` finds the same by cuts, faster. Cars only take: what they could give to
others is not counted on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.errors import SolveFailed
from gridloop.optimize.array_model import ArrayModel
from gridloop.optimize.charging.stays import Stays, as_fleet, each_step, stays_of
from gridloop.optimize.charging_fleet.cars import cars_of
from gridloop.optimize.charging_fleet.shortfall import fair_energy
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.solve.arrays import Answer, ArraySession
from gridloop.units import BoolArray, FloatArray, IntArray

# A dual this small, of a sum of duals that is one, says nothing: the solver's own tolerance is 1e-7.
_SILENT = 1e-7
# A share this close to one is one.
_FULL = 1.0 - 1e-9


def fair_energies(
    fleet: EVFleet | pd.DataFrame,
    horizon: Horizon,
    limit_mw: float | Sequence[float] | FloatArray | pd.Series = np.inf,
) -> pd.Series:
    """What every session gets where a limit is shared fairly. [session], MWh at the plug, of its whole energy

    limit_mw  for all cars together (a transformer's rating less its base load): one number or one per interval. Limits
              of stations and of the fleet hold too. Below zero counts as zero.
    """
    stays, limit = stays_of(fleet, horizon), np.clip(each_step(limit_mw, horizon, "limit_mw"), 0.0, None)
    if not stays.shared and (stays.most_mwh.sum(axis=0) <= limit * horizon.hours).all():
        served = stays.alone_mwh
    elif stays.shared or as_fleet(fleet).ports or np.ptp(horizon.hours) > 0:
        served = fair_shares(stays, limit) * stays.alone_mwh
    else:
        table = as_fleet(fleet).sessions.assign(energy_mwh=stays.energy_mwh)
        room = np.minimum(limit, stays.power_mw.sum()) * horizon.hours
        served = fair_energy(cars_of(table, horizon), room)
    missing = stays.within_mwh - served
    return pd.Series(stays.energy_mwh - missing, index=pd.Index(stays.ids, name="session"))


def fair_shares(stays: Stays, limit_mw: FloatArray) -> FloatArray:
    """Shares of what each could have alone, 0 … 1; 1 where that is nothing. [session]"""
    need, share = stays.alone_mwh, np.zeros(len(stays))
    closed = need <= 0.0
    share[closed] = 1.0
    for level in np.unique(stays.priority)[::-1]:
        open_ = ~closed & (stays.priority == level)
        while open_.any():
            level_share, held = _raise(stays, limit_mw, open_, np.where(closed, share * need, 0.0))
            done = open_ if level_share >= _FULL else held & open_
            share[done] = min(1.0, level_share)
            closed, open_ = closed | done, open_ & ~done
    return share


def least_raise(stays: Stays, limit_mw: FloatArray) -> float:
    """By how much a limit on all cars has to be raised, alike in all intervals, for every car to have what it can. [MW]

    What does not fit into a car's own stay, or its station, no raise of this limit helps.
    """
    own = stays.alone_mwh
    if stays.shared:
        own = fair_shares(stays, np.full(len(limit_mw), np.inf)) * own
    model, pairs = _flows(stays, limit_mw)
    more = model.add_variables("raise", np.zeros(1), np.full(1, np.inf))
    steps = np.flatnonzero(np.isfinite(limit_mw))
    if not steps.size:
        return 0.0
    _site_rows(model, stays, pairs, limit_mw, steps, more)
    who = np.flatnonzero(own > 0)
    place = np.full(len(stays), -1)
    place[who] = np.arange(who.size)
    # A billionth of the energy is left out: at its very limit a row is feasible or not by rounding.
    mine = place[pairs[0]] >= 0
    columns = np.arange(pairs[0].size)[mine]
    model.add_rows("need", place[pairs[0]][mine], columns, np.ones(1), own[who] * (1 - 1e-9), np.full(who.size, np.inf))
    model.minimize(more, np.ones(1), np.zeros(1))
    return max(0.0, float(_solved(model).x[more[0]]))


def _raise(stays: Stays, limit_mw: FloatArray, open_: BoolArray, held_mwh: FloatArray) -> tuple[float, BoolArray]:
    """The largest share that all open cars can have together, and which of them can have no more."""
    model, pairs = _flows(stays, limit_mw)
    share = model.add_variables("share", np.zeros(1), np.ones(1))
    steps = np.flatnonzero(np.isfinite(limit_mw))
    _site_rows(model, stays, pairs, limit_mw, steps, None)
    who = np.flatnonzero(open_ | (held_mwh > 0))
    place = np.full(len(stays), -1)
    place[who] = np.arange(who.size)
    mine = place[pairs[0]] >= 0
    rows, columns = [place[pairs[0]][mine]], [np.arange(pairs[0].size)[mine]]
    values = [np.ones(int(mine.sum()))]
    rows.append(place[open_])
    columns.append(np.full(int(open_.sum()), share[0]))
    values.append(-stays.alone_mwh[open_])
    # What was found before is asked for less a billionth: at the very edge rounding would decide.
    at_least = np.where(open_[who], 0.0, held_mwh[who] * (1 - 1e-9))
    model.add_rows(
        "need", np.concatenate(rows), np.concatenate(columns), np.concatenate(values), at_least,
        np.full(who.size, np.inf),
    )  # fmt: skip
    model.minimize(share, -np.ones(1), np.zeros(1))
    answer = _solved(model)
    dual = np.zeros(len(stays))
    dual[who] = np.abs(answer.row_dual[-who.size :]) * stays.alone_mwh[who]
    held = open_ & (dual > _SILENT)
    return float(answer.x[share[0]]), held if held.any() else open_


def _flows(stays: Stays, limit_mw: FloatArray) -> tuple[ArrayModel, tuple[IntArray, IntArray]]:
    """Energy of each car in each interval that it is there [MWh], under the limits of stations and the fleet."""
    model, pairs = ArrayModel(), np.nonzero(stays.most_mwh > 0)
    most = stays.most_mwh[pairs]
    model.add_variables("energy", np.zeros(most.size), most)
    steps, hours = len(stays.horizon), stays.horizon.hours
    for limit in stays.shared:
        mine = np.isin(pairs[0], limit.members)
        columns = np.flatnonzero(mine)
        model.add_rows(
            limit.name, pairs[1][mine], columns, np.ones(1), np.full(steps, -np.inf), limit.limit_mw * hours
        )  # fmt: skip
    return model, (pairs[0], pairs[1])


def _site_rows(
    model: ArrayModel, stays: Stays, pairs: tuple[IntArray, IntArray], limit_mw: FloatArray, steps: IntArray,
    more: IntArray | None,
) -> None:  # fmt: skip
    """Σ energy − hours · raise ≤ hours · limit, in the intervals that have a limit."""
    if not steps.size:
        return
    place = np.full(len(limit_mw), -1)
    place[steps] = np.arange(steps.size)
    mine = place[pairs[1]] >= 0
    rows, columns, values = place[pairs[1]][mine], np.flatnonzero(mine), np.ones(int(mine.sum()))
    hours = stays.horizon.hours[steps]
    if more is not None:
        rows = np.concatenate([rows, np.arange(steps.size)])
        columns = np.concatenate([columns, np.full(steps.size, more[0])])
        values = np.concatenate([values, -hours])
    model.add_rows("site", rows, columns, values, np.full(steps.size, -np.inf), limit_mw[steps] * hours)


def _solved(model: ArrayModel) -> Answer:
    linear, _ = model.made()
    answer = ArraySession(linear).run()
    if answer.status != "optimal":
        raise SolveFailed(f"Fair shares: the solver ended with {answer.status!r}.", status=answer.status)
    return answer
