"""Statistics of solved states in one pass each: extremes, exact sums, histograms, counts outside a band, the worst row.

A value that is NaN is left out everywhere. Sums are exact: every value is rounded to a multiple of a small power of
two, the quantum, by adding and taking off 1.5 · 2^52 quanta; sums of such numbers have no rounding as long as they
stay below 2^53 quanta. So the order of adding does not matter, nor who adds: whole numbers of quanta go on from
there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer

_WIDTH = 16


@outer
def summarize(x: Any, quantum: Any, low: Any, high: Any, total: Any, count: Any) -> None:
    """Smallest, largest, sum and number of the values of every row.

    x        [row, lane]  float32 or float64
    quantum  power of two that sums are multiples of; |x| times lanes must stay below 2^52 quanta
    low, high, total  [row]  float64, written here: ±inf and 0 where nothing is known
    count    [row]  int64, written here
    """
    magic = 1.5 * 2.0**52 * quantum
    lows, highs, totals, counts = np.empty(_WIDTH), np.empty(_WIDTH), np.empty(_WIDTH), np.empty(_WIDTH)
    lanes = x.shape[1]
    whole = lanes - lanes % _WIDTH
    for row in range(x.shape[0]):
        lows[:] = np.inf
        highs[:] = -np.inf
        totals[:] = 0.0
        counts[:] = 0.0
        for k in range(0, whole, _WIDTH):
            for j in range(_WIDTH):
                v = np.float64(x[row, k + j])
                known = v == v
                lows[j] = v if v < lows[j] else lows[j]
                highs[j] = v if v > highs[j] else highs[j]
                totals[j] += (v + magic) - magic if known else 0.0
                counts[j] += 1.0 if known else 0.0
        for k in range(whole, lanes):
            v = np.float64(x[row, k])
            if v == v:
                lows[0] = min(v, lows[0])
                highs[0] = max(v, highs[0])
                totals[0] += (v + magic) - magic
                counts[0] += 1.0
        low[row], high[row], total[row], count[row] = lows.min(), highs.max(), totals.sum(), np.int64(counts.sum())


@outer
def histogram(x: Any, first: Any, per_width: Any, count: Any, low: Any, high: Any) -> None:
    """How many values of every row fall into which bin.

    x          [row, lane]  float32 or float64
    first      lower edge of the first bin
    per_width  one over the width of a bin
    count      [row, bin + 2]  int64, added to here; the outer two take what is below and above all bins
    low, high  [row]  float64, lowered and raised here
    """
    bins = count.shape[1] - 2
    # Four counts side by side: neighbours often fall into one bin, and would wait for each other. The last bin takes
    # NaN.
    part = np.empty((4, bins + 3), np.uint32)
    place = np.empty(x.shape[1], np.uint32)
    lanes = np.int64(x.shape[1])
    lows, highs = np.empty(_WIDTH), np.empty(_WIDTH)
    for row in range(x.shape[0]):
        _bins_of(x[row], first, per_width, bins, place)
        _extremes(x[row], lows, highs)
        part[:] = 0
        for k in range(0, lanes - 3, 4):
            part[0, place[k]] += np.uint32(1)
            part[1, place[k + 1]] += np.uint32(1)
            part[2, place[k + 2]] += np.uint32(1)
            part[3, place[k + 3]] += np.uint32(1)
        for k in range(lanes - lanes % 4, lanes):
            part[0, place[k]] += np.uint32(1)
        low[row], high[row] = min(low[row], lows.min()), max(high[row], highs.max())
        for b in range(bins + 2):
            count[row, b] += np.int64(part[0, b]) + np.int64(part[1, b]) + np.int64(part[2, b]) + np.int64(part[3, b])


@inner
def _bins_of(x: Any, first: Any, per_width: Any, bins: Any, place: Any) -> None:
    """Bin of every value: 0 below all, bins + 1 above all, bins + 2 for NaN. x, place [lane]"""
    top = np.float64(bins) + 1.0
    for k in range(x.size):
        v = np.float64(x[k])
        at = np.floor((v - first) * per_width) + 1.0
        at = at if at > 0.0 else 0.0
        at = at if at < top else top
        place[k] = np.uint32(at if v == v else top + 1.0)


@inner
def _extremes(x: Any, lows: Any, highs: Any) -> None:
    """Smallest and largest values among the lanes that share a place modulo `_WIDTH`. x [lane]; lows, highs [_WIDTH]"""
    lows[:] = np.inf
    highs[:] = -np.inf
    whole = x.size - x.size % _WIDTH
    for k in range(0, whole, _WIDTH):
        for j in range(_WIDTH):
            v = np.float64(x[k + j])
            lows[j] = v if v < lows[j] else lows[j]
            highs[j] = v if v > highs[j] else highs[j]
    for k in range(whole, x.size):
        v = np.float64(x[k])
        lows[0] = v if v < lows[0] else lows[0]
        highs[0] = v if v > highs[0] else highs[0]


@outer
def outside(x: Any, low: Any, high: Any, below: Any, above: Any, flag: Any) -> None:
    """How often every row is outside its band, and which lanes have a row that is.

    x             [row, lane]  float32 or float64
    low, high     [row]  float64; NaN for no limit
    below, above  [row]  int64, added to here
    flag          [lane]  uint8, set to 1 here where something is outside
    """
    for row in range(x.shape[0]):
        lo, hi = low[row], high[row]
        under, over = np.int64(0), np.int64(0)
        for k in range(x.shape[1]):
            v = np.float64(x[row, k])
            is_under, is_over = np.uint8(v < lo), np.uint8(v > hi)
            under += np.int64(is_under)
            over += np.int64(is_over)
            flag[k] |= is_under | is_over
        below[row] += under
        above[row] += over


@outer
def worst(x: Any, sign: Any, score: Any, where: Any) -> None:
    """The largest value of every lane, or the smallest, and the first row that has it.

    x      [row, lane]  float32 or float64
    sign   +1.0 for the largest, −1.0 for the smallest
    score  [lane]  float64, raised here to sign · x
    where  [lane]  int64, written here with the score
    """
    for row in range(x.shape[0]):
        for k in range(x.shape[1]):
            v = sign * np.float64(x[row, k])
            better = v > score[k]
            score[k] = v if better else score[k]
            where[k] = row if better else where[k]
