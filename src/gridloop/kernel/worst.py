"""What a block of solved outages comes to: worst voltages, worst loading, limits that do not hold, severity.

Voltages are looked at while they are in the cache and then forgotten. A limit counts with the tolerance that the
caller has put into it. The severity of a state sums, over all limits that do not hold,

    u² − 1        u = current / rating        u = distance from the middle of a bus's band / half its width

so that it is zero where all hold and grows with how many do not, and by how much.
Source: Ejebe and Wollenberg (1979), Automatic contingency selection, with its exponent n = 1 and its sum restricted to
what exceeds a limit, so that many lightly loaded branches do not mask one that is overloaded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridloop.kernel.compiled import inner, outer
from gridloop.kernel.lanes import LANES, anywhere_outside, fma, load, splat, store, where
from gridloop.units import BoolArray, FloatArray, IntArray

# Squares that differ by less are alike, and the first of them is named: the same one whatever rounding did.
_TIE = 1e-10


class Limits(NamedTuple):
    """Limits of a grid, and which of them the base case already breaks.

    bus            [bus]         positions of buses that are supplied
    low, high      [bus]         squares of the lowest and highest magnitude, per unit; −1 and inf where there is none
    middle, half   [bus]         of the band; a half of inf where it is open on a side
    v_broken       [bus]         what the base case breaks
    tail, head     [rated]       positions of branches with a rating; −1 at an open end
    branch         [rated]       their rows
    y              [rated, 8]    g and b at (tail, tail), (tail, head), (head, tail), (head, head), per unit
    scale          [rated, 2]    one over the square of the rating at tail and head, per unit; 0 where there is none
    most           square of the loading that counts as too much, 1 and a tolerance
    i_broken       [rated]       what the base case breaks
    """

    bus: IntArray
    low: FloatArray
    high: FloatArray
    middle: FloatArray
    half: FloatArray
    v_broken: BoolArray
    tail: IntArray
    head: IntArray
    branch: IntArray
    y: FloatArray
    scale: FloatArray
    most: float
    i_broken: BoolArray


class Worst(NamedTuple):
    """What cases come to; [case], written by the kernels. Places are rows of `Limits`; −1 where there is none.

    v_min, v_max, loading   magnitudes and share of the rating; NaN where nothing is supplied or rated
    severity                see above
    low_at, high_at, loaded_at  where
    v_count, i_count        limits that do not hold
    new                     those of them that hold in the base case
    """

    v_min: FloatArray
    v_max: FloatArray
    loading: FloatArray
    severity: FloatArray
    low_at: IntArray
    high_at: IntArray
    loaded_at: IntArray
    v_count: IntArray
    i_count: IntArray
    new: IntArray


class Out(NamedTuple):
    """Rated branches that single lanes have out, ordered by block and row.

    start  [block + 1]  where the entries of a block start
    row    [entry]      row of `Limits.branch`
    lane   [entry]
    """

    start: IntArray
    row: IntArray
    lane: IntArray


class Without(NamedTuple):
    """What has no voltage: cases without a solution, and positions that cases cut off.

    status              [case]  0 where there is a solution
    dark_start          [case + 1]  where the positions of a case start; dark: the positions
    """

    status: NDArray[np.int8]
    dark_start: IntArray
    dark: IntArray


@outer
def find_worst(limits, out, without, vr, vi, numbers, worst):
    """Reduce the voltages of blocks [block, position, LANES]; leaves NaN where cut off or without a solution.

    numbers  [block]  which blocks of cases they are
    """
    for b in range(numbers.size):
        number = numbers[b]
        for k in range(LANES):
            case = number * LANES + k
            if without.status[case] != 0:
                for i in range(vr.shape[1]):
                    vr[b, i, k] = vi[b, i, k] = np.nan
            for e in range(without.dark_start[case], without.dark_start[case + 1]):
                vr[b, without.dark[e], k] = vi[b, without.dark[e], k] = np.nan
        _voltages(limits, vr[b], vi[b], number * LANES, worst)
        _loadings(limits, out, number, vr[b], vi[b], number * LANES, worst)


@inner
def _voltages(limits, vr, vi, first, worst):
    """Magnitudes, and the bands of buses."""
    found = np.empty((5, LANES))
    low, high, low_at, high_at = splat(np.inf), splat(-1.0), splat(-1.0), splat(-1.0)
    for b in range(limits.bus.size):
        i = limits.bus[b]
        r, m = load(vr, i), load(vi, i)
        square = fma(r, r, m * m)
        low_at, low = where(low - square - _TIE, float(b), low_at), where(low - square - _TIE, square, low)
        high_at, high = where(square - high - _TIE, float(b), high_at), where(square - high - _TIE, square, high)
        if not anywhere_outside(square, limits.low[b], limits.high[b]):
            continue
        store(found, 4, square)
        for k in range(LANES):
            if found[4, k] < limits.low[b] or found[4, k] > limits.high[b]:
                case = first + k
                worst.v_count[case] += 1
                worst.new[case] += not limits.v_broken[b]
                if np.isfinite(limits.half[b]):
                    far = (np.sqrt(found[4, k]) - limits.middle[b]) / limits.half[b]
                    worst.severity[case] += far * far - 1.0
    store(found, 0, low)
    store(found, 1, low_at)
    store(found, 2, high)
    store(found, 3, high_at)
    for k in range(LANES):
        if found[1, k] >= 0.0:
            worst.v_min[first + k], worst.low_at[first + k] = np.sqrt(found[0, k]), int(found[1, k])
            worst.v_max[first + k], worst.high_at[first + k] = np.sqrt(found[2, k]), int(found[3, k])


@inner
def _loadings(limits, out, number, vr, vi, first, worst):
    """Currents over ratings, the worse of both ends."""
    found = np.empty((3, LANES))
    most, most_at, nothing = splat(-1.0), splat(-1.0), splat(0.0)
    entry = out.start[number]
    for b in range(limits.branch.size):
        tail, head = limits.tail[b], limits.head[b]
        tr, ti = (load(vr, tail), load(vi, tail)) if tail >= 0 else (nothing, nothing)
        hr, hi = (load(vr, head), load(vi, head)) if head >= 0 else (nothing, nothing)
        here = _current(limits.y[b, 0], limits.y[b, 1], limits.y[b, 2], limits.y[b, 3], tr, ti, hr, hi)
        there = _current(limits.y[b, 4], limits.y[b, 5], limits.y[b, 6], limits.y[b, 7], tr, ti, hr, hi)
        here, there = here * limits.scale[b, 0], there * limits.scale[b, 1]
        load_ = where(there - here, there, here)
        if entry < out.start[number + 1] and out.row[entry] == b:
            store(found, 2, load_)
            while entry < out.start[number + 1] and out.row[entry] == b:
                found[2, out.lane[entry]] = np.nan
                entry += 1
            load_ = load(found, 2)
        most_at, most = where(load_ - most - _TIE, float(b), most_at), where(load_ - most - _TIE, load_, most)
        if not anywhere_outside(load_, -1.0, limits.most):
            continue
        store(found, 2, load_)
        for k in range(LANES):
            if found[2, k] > limits.most:
                worst.i_count[first + k] += 1
                worst.new[first + k] += not limits.i_broken[b]
                worst.severity[first + k] += found[2, k] - 1.0
    store(found, 0, most)
    store(found, 1, most_at)
    for k in range(LANES):
        if found[1, k] >= 0.0:
            worst.loading[first + k], worst.loaded_at[first + k] = np.sqrt(found[0, k]), int(found[1, k])


@inner
def _current(g_own, b_own, g_other, b_other, tr, ti, hr, hi):
    """Square of the current g + jb at the tail's and the head's voltage."""
    real = fma(g_own, tr, fma(-b_own, ti, fma(g_other, hr, (-b_other) * hi)))
    imaginary = fma(g_own, ti, fma(b_own, tr, fma(g_other, hi, b_other * hr)))
    return fma(real, real, imaginary * imaginary)
