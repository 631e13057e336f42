"""Thermal units as rows: on, start and stop, output, reserve, ramps and start-up tiers, each as tight as is known.

The families of rows are those of Knueven, Ostrowski and Watson, "On mixed-integer programming formulations for the unit
commitment problem", INFORMS Journal on Computing 32 (2020); docs/math/commitment.md has them as equations. Where a row
may subtract what a start or a stop takes away, it does; for most units the result is the convex hull of the schedules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridloop.kernel import unit_columns as kernel
from gridloop.optimize.commitment.arrays import UnitArrays
from gridloop.optimize.commitment.least_times import Term, later, switching_rows
from gridloop.optimize.commitment.program import Writer
from gridloop.units import FloatArray, IntArray

# A start that saves less than this against the dearest one, money, needs no column of its own.
_LEAST_SAVING = 1e-9


@dataclass(frozen=True, eq=False)
class OnOff:
    """Columns of the decisions: u on, v started, w stopped. [unit, hour]

    x, x_unit, x_stop, x_start  [pair]  columns of a stop joined to a later start, and where they belong
    """

    u: IntArray
    v: IntArray
    w: IntArray
    x: IntArray
    x_unit: IntArray
    x_stop: IntArray
    x_start: IntArray


@dataclass(frozen=True, eq=False)
class Output:
    """Columns of one scenario: p output above the minimum, r reserve, regulation. [unit, hour]; −1: there is none.

    pieces [any]  columns of the pieces of the cost curves, which carry the cost
    """

    p: IntArray
    r: IntArray
    regulation: IntArray
    pieces: IntArray


def add_on_off(model: Writer, arrays: UnitArrays) -> OnOff:
    """Decisions, least times up and down, and start-up costs."""
    n, hours = arrays.n, arrays.hours
    shape = (n, hours)
    no_load = arrays.costs[arrays.point_of[:-1]]
    u = model.add_columns(
        n * hours,
        cost=np.repeat(no_load, hours),
        lower=(~arrays.may_off).ravel().astype(float),
        upper=arrays.may_on.ravel().astype(float),
        integer=True,
    ).reshape(shape)
    stoppable = np.ones(shape)
    on_before = arrays.column(kernel.ON_BEFORE)
    stoppable[(on_before > 0.0) & (arrays.column(kernel.P_BEFORE) > arrays.column(kernel.STOP_MAX) + 1e-9), 0] = 0.0
    start_cost = np.where(on_before[:, None] > 0.0, arrays.start.anyway, _dearest_start(arrays))
    v = model.add_columns(n * hours, cost=start_cost.ravel(), upper=1.0, integer=True).reshape(shape)
    w = model.add_columns(n * hours, upper=stoppable.ravel(), integer=True).reshape(shape)
    pairs = []
    for g in range(n):
        up, down = (int(min(arrays.unit[g, column], hours)) for column in (kernel.UP_MIN, kernel.DOWN_MIN))
        for rows in switching_rows(u[g], v[g], w[g], float(on_before[g]), up, down):
            model.add_rows(rows.terms, lower=rows.lower, upper=rows.upper, n=hours)
        pairs.append(_add_warm_starts(model, arrays, g, start_cost[g], v[g], w[g]))
    x, owner, stop, start = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return OnOff(u, v, w, x, owner, stop, start)


def _dearest_start(arrays: UnitArrays) -> FloatArray:
    """The most that any start in this hour costs. [unit, hour]"""
    return np.maximum(arrays.start.first, arrays.start.anyway)


def _add_warm_starts(
    model: Writer, arrays: UnitArrays, g: int, cost: FloatArray, v: IntArray, w: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Join a stop to a later start that is cheaper for it; a stop and a start are joined once at most.

    Being off before the horizon counts as a stop in hour −1.
    """
    hours = arrays.hours
    down = int(arrays.unit[g, kernel.DOWN_MIN])
    stop, start = np.triu_indices(hours, k=down)
    off = start - stop
    by_off = arrays.start.by_off[g, off]
    warm = np.where(start >= arrays.start.counts_from[g, off], by_off, np.inf)
    saving = cost[start] - np.minimum(warm, arrays.start.anyway[g, start])
    if arrays.unit[g, kernel.ON_BEFORE] == 0.0:
        stop = np.concatenate([stop, np.full(hours, -1)])
        start = np.concatenate([start, np.arange(hours)])
        saving = np.concatenate([saving, cost - arrays.start.first[g]])
    kept = saving > _LEAST_SAVING
    stop, start, saving = stop[kept], start[kept], saving[kept]
    if not stop.size:
        return stop, stop, stop, stop
    x = model.add_columns(stop.size, cost=-saving, upper=1.0)
    for at, whole in ((stop, w), (start, v)):
        used = np.unique(at[at >= 0])
        rows = model.add_rows([(whole[used], -1.0)], upper=0.0, n=used.size)
        inside = at >= 0
        model.add_entries(rows[np.searchsorted(used, at[inside])], x[inside], 1.0)
    if (stop < 0).any():
        row = model.add_rows([], upper=1.0, n=1)
        model.add_entries(np.full(int((stop < 0).sum()), row[0]), x[stop < 0], 1.0)
    return x, np.full(stop.size, g), stop, start


def add_output(
    model: Writer, arrays: UnitArrays, on_off: OnOff, *, weight: float, with_reserve: bool, with_regulation: bool
) -> Output:
    """Output, reserve and regulation of all units in one scenario, whose costs count by its weight."""
    shape = (arrays.n, arrays.hours)
    p, r, regulation = (np.full(shape, -1) for _ in range(3))
    pieces: list[IntArray] = [np.zeros(0, dtype=np.int64)]
    for g in range(arrays.n):
        points, costs = arrays.curve(g)
        p[g], mine = _add_curve(model, arrays, g, on_off, points, costs, weight)
        pieces += mine
        if with_reserve:
            r[g] = model.add_columns(arrays.hours)
        if with_regulation and arrays.regulation_max[g] > 0.0:
            regulation[g] = model.add_columns(arrays.hours)
            most = arrays.regulation_max[g]
            model.add_rows([(regulation[g], 1.0), (on_off.u[g], -most)], upper=0.0, n=arrays.hours)
            model.add_rows([(regulation[g], 1.0), (p[g], -1.0)], upper=0.0, n=arrays.hours)
        _add_limits(model, arrays, g, on_off, p[g], [r[g], regulation[g]])
        _add_ramps(model, arrays, g, on_off, p[g], [r[g], regulation[g]])
    return Output(p, r, regulation, np.concatenate(pieces))


def _add_curve(
    model: Writer, arrays: UnitArrays, g: int, on_off: OnOff, points: FloatArray, costs: FloatArray, weight: float
) -> tuple[IntArray, list[IntArray]]:
    """Output above the minimum as a sum of pieces, each as wide as this hour allows; returns the columns of both."""
    hours = arrays.hours
    u, v, stopping = on_off.u[g], on_off.v[g], later(on_off.w[g], 1)
    start_max, stop_max = arrays.unit[g, kernel.START_MAX], arrays.unit[g, kernel.STOP_MAX]
    lasting = arrays.unit[g, kernel.UP_MIN] > 1
    p = model.add_columns(hours)
    pieces: list[Term] = [(p, -1.0)]
    for left, right, below, above in zip(points[:-1], points[1:], costs[:-1], costs[1:], strict=True):
        width = right - left
        if width <= 0.0:
            continue
        piece = model.add_columns(hours, cost=weight * (above - below) / width)
        pieces.append((piece, 1.0))
        at_start = width - float(np.clip(start_max - left, 0.0, width))
        at_stop = width - float(np.clip(stop_max - left, 0.0, width))
        whole: list[Term] = [(piece, 1.0), (u, -width)]
        _add_both_ends(model, whole, v, stopping, at_start, at_stop, lasting, hours)
    model.add_rows(pieces, lower=0.0, upper=0.0, n=hours)
    return p, [columns for columns, _ in pieces[1:]]


def _add_both_ends(
    model: Writer,
    whole: list[Term],
    v: IntArray,
    stopping: IntArray,
    at_start: float,
    at_stop: float,
    lasting: bool,
    hours: int,
) -> None:
    """Rows whose room shrinks by at_start in the first hour and by at_stop in the last.

    A run of one hour is both; then only the larger of the two may be subtracted.
    """
    if lasting or at_start == 0.0 or at_stop == 0.0:
        model.add_rows([*whole, (v, at_start), (stopping, at_stop)], upper=0.0, n=hours)
        return
    model.add_rows([*whole, (v, at_start), (stopping, max(at_stop - at_start, 0.0))], upper=0.0, n=hours)
    model.add_rows([*whole, (stopping, at_stop), (v, max(at_start - at_stop, 0.0))], upper=0.0, n=hours)


def _add_limits(model: Writer, arrays: UnitArrays, g: int, on_off: OnOff, p: IntArray, above: list[IntArray]) -> None:
    """Most output with reserve: after a start it climbs by ramp_up, before a stop it has to come down by ramp_down."""
    hours, row = arrays.hours, arrays.unit[g]
    u, v, w = on_off.u[g], on_off.v[g], on_off.w[g]
    top, span = row[kernel.P_MAX], row[kernel.P_MAX] - row[kernel.P_MIN]
    up, down = row[kernel.RAMP_UP], row[kernel.RAMP_DOWN]
    start_max, stop_max, stop_cap = row[kernel.START_MAX], row[kernel.STOP_MAX], row[kernel.STOP_CAP]
    lasting = int(min(row[kernel.UP_MIN], hours))
    output: list[Term] = [(p, 1.0), (u, -span)]
    with_reserve: list[Term] = [*output, *((column, 1.0) for column in above)]
    if lasting == 1:
        _add_both_ends(model, with_reserve, v, later(w, 1), top - start_max, top - stop_cap, False, hours)
        if stop_max < stop_cap:
            _add_both_ends(model, output, v, later(w, 1), top - start_max, top - stop_max, False, hours)
        return
    climbing = int((top - start_max) / up) if up > 0.0 else hours
    k = min(lasting - 2, climbing)
    climb = [(later(v, -i), top - start_max - i * up) for i in range(k + 1)]
    model.add_rows([*with_reserve, *climb, (later(w, 1), top - stop_cap)], upper=0.0, n=hours)
    if k < climbing and lasting - 1 <= climbing:
        last = (later(v, -(lasting - 1)), top - start_max - (lasting - 1) * up)
        model.add_rows([*with_reserve, *climb, last], upper=0.0, n=hours)
    falling = min(int((top - stop_max) / down) if down > 0.0 else hours, lasting - 2)
    if falling > 0 or stop_max < stop_cap:
        fall = [(later(w, 1 + i), top - stop_max - i * down) for i in range(falling + 1)]
        k = min(climbing, lasting - 2 - falling)
        climb = [(later(v, -i), top - start_max - i * up) for i in range(k + 1)]
        model.add_rows([*output, *fall, *climb], upper=0.0, n=hours)


def _add_ramps(model: Writer, arrays: UnitArrays, g: int, on_off: OnOff, p: IntArray, above: list[IntArray]) -> None:
    """Hour by hour no more than ramp_up with reserve, and no less than ramp_down; left out where neither can bind."""
    hours, row = arrays.hours, arrays.unit[g]
    u, v, w = on_off.u[g], on_off.v[g], on_off.w[g]
    low, span = row[kernel.P_MIN], row[kernel.P_MAX] - row[kernel.P_MIN]
    up, down = row[kernel.RAMP_UP], row[kernel.RAMP_DOWN]
    on_before = row[kernel.ON_BEFORE]
    before = row[kernel.P_BEFORE] - low if on_before else 0.0
    lasting = row[kernel.UP_MIN] > 1
    first = np.zeros(hours)
    for binds, binds_first, terms, at_first in (
        (
            up < span,
            on_before and before + up < span,
            [
                (p, 1.0),
                *((column, 1.0) for column in above),
                (later(p, -1), -1.0),
                (u, -up),
                (v, up - (row[kernel.START_MAX] - low)),
                (later(w, 1), max(up - (row[kernel.STOP_CAP] - low), 0.0) if lasting else 0.0),
            ],
            before,
        ),
        (
            down < span,
            on_before and before > down,
            [
                (later(p, -1), 1.0),
                (p, -1.0),
                (later(u, -1), -down),
                (w, down - (row[kernel.STOP_MAX] - low)),
                (later(v, -1), max(down - (row[kernel.START_MAX] - low), 0.0) if lasting else 0.0),
            ],
            down * on_before - before,
        ),
    ):
        if not (binds or binds_first):
            continue
        n = hours if binds else 1
        right = first[:n].copy()
        right[0] = at_first
        model.add_rows([(columns[:n], value) for columns, value in terms], upper=right, n=n)
