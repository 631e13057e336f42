"""Vehicles as sums of pieces: what a fleet of any size looks like to a plan, and back to every vehicle.

A vehicle that is there for the whole intervals first … last charges at most p per interval and wants κ p in all. A
set S of intervals can give it

    f(S) = min(p |S|, κ p),

and its feasible charges are the base of the polymatroid of f. Bases add up as their f do (Edmonds 1970), so that a
fleet is known by the sum of its f. A *piece* (window, l) of weight w is f(S) = w · min(|S ∩ window|, l): it takes l of
the intervals of its window, each at most once. With l = ⌊κ⌋ and φ = κ − l a vehicle is two pieces, l and l + 1, of
weights p (1 − φ) and p φ.

A vehicle that comes or leaves within an interval is there for a share α of its first and β of its last one:

    f(S) = p · min(k + α [first ∈ S] + β [last ∈ S], κ),        k intervals of S between first and last.

Exactly the same f have pieces on four windows (whole; without last; without first; without both), whose weights are

    case               whole          − last     − first    − both             of these l + 1 instead of l (in order)
    α + β ≤ φ          0              α          β          1 − α − β          0, α, β, φ − α − β
    φ < α + β ≤ 1 + φ  x              α − x      β − x      1 − α − β + x      x, min(α,φ) − x, min(β,φ) − x, 0
    1 + φ < α + β      α + β − 1      1 − β      1 − α      0                  φ, 0, 0, 0

times p, with x = min(α,φ) + min(β,φ) − φ. That both sides agree is checked case by case: at k ≤ l − 2 all is untouched
by l; at k = l − 1 only `whole` with l is cut; at k = l what is not l + 1 is cut; beyond, all is. The weights of the
pieces that hold an interval sum to what the vehicle may take there, and weight times l to its energy: a charge of the
pieces *is* one of the vehicle. Vehicles alike have the same pieces, and so the same charge.

A stay within one interval has no choice: one piece of one interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer

# A vehicle is made of two pieces on each of four windows at most.
MOST_PIECES = 8


@inner
def _pieces(length, alpha, beta, kappa, cut, short, slots, weight):
    """Pieces of a vehicle; returns how many.

    length  of the stay, intervals; alpha, beta  shares of the first and last one; kappa  energy in whole intervals
    cut, short, slots  [MOST_PIECES]  intervals that the window begins later and is shorter by, and l; written here
    weight  [MOST_PIECES]  as a share of what the vehicle takes per interval; written here
    """
    if length == 1:
        cut[0] = 0
        short[0] = 0
        slots[0] = 1
        weight[0] = min(kappa, alpha)
        return 1 if weight[0] > 0.0 else 0
    whole = np.floor(kappa)
    phi = kappa - whole
    both = alpha + beta
    if both <= phi:
        w0, w1, w2, w3 = 0.0, alpha, beta, 1.0 - both
        x0, x1, x2, x3 = 0.0, alpha, beta, phi - both
    elif both <= 1.0 + phi:
        x0 = min(alpha, phi) + min(beta, phi) - phi
        w0, w1, w2, w3 = x0, alpha - x0, beta - x0, 1.0 - both + x0
        x1, x2, x3 = min(alpha, phi) - x0, min(beta, phi) - x0, 0.0
    else:
        w0, w1, w2, w3 = both - 1.0, 1.0 - beta, 1.0 - alpha, 0.0
        x0, x1, x2, x3 = phi, 0.0, 0.0, 0.0
    n = 0
    for window in range(4):
        if window == 0:
            w, more, begin, less = w0, x0, 0, 0
        elif window == 1:
            w, more, begin, less = w1, x1, 0, 1
        elif window == 2:
            w, more, begin, less = w2, x2, 1, 1
        else:
            w, more, begin, less = w3, x3, 1, 2
        room = length - less
        least = int(whole)
        for extra in range(2):
            part = more if extra else w - more
            want = min(least + extra, room)
            if part > 0.0 and want > 0:
                cut[n] = begin
                short[n] = less
                slots[n] = want
                weight[n] = part
                n += 1
    return n


@inner
def _cell(first, length, slots, depth):
    """Place of a piece in a table of all: [first, length − 1, slots − 1], flat."""
    return (first * depth + length - 1) * depth + slots - 1


@outer
def count_pieces(first: Any, length: Any, alpha: Any, beta: Any, step_mwh: Any, kappa: Any, depth: Any, table: Any):
    """Add the weights of the pieces of all vehicles, MWh per interval.

    first, length  [vehicle]  first interval of the stay and number of them
    alpha, beta    [vehicle]  shares of the first and of the last interval that it is there
    step_mwh       [vehicle]  most energy in a whole interval
    kappa          [vehicle]  energy to charge, in such intervals
    depth          longest stay
    table          [step · depth · depth]  by first interval, length and slots; added to
    """
    cut, short = np.empty(MOST_PIECES, np.int64), np.empty(MOST_PIECES, np.int64)
    slots, weight = np.empty(MOST_PIECES, np.int64), np.empty(MOST_PIECES)
    for i in range(first.size):
        n = _pieces(length[i], alpha[i], beta[i], kappa[i], cut, short, slots, weight)
        for k in range(n):
            cell = _cell(first[i] + cut[k], length[i] - short[k], slots[k], depth)
            table[cell] += weight[k] * step_mwh[i]


@outer
def share_out(
    first: Any, length: Any, alpha: Any, beta: Any, step_mwh: Any, kappa: Any, depth: Any,
    row: Any, offset: Any, share: Any, place: Any, scale: Any, out: Any, total: Any,
) -> None:  # fmt: skip
    """Charge of every vehicle from that of its pieces.

    first … depth  as in `count_pieces`
    row     [step · depth · depth]  number of the piece
    offset  [piece]  where its shares begin; share  [cell]  of its weight, by interval of its window
    place   [vehicle + 1]  where its values begin in `out`
    scale   from MWh to what is wanted
    out     [cell]  by interval of the stay, zero before, written here
    total   [step]  their sum, added to
    """
    cut, short = np.empty(MOST_PIECES, np.int64), np.empty(MOST_PIECES, np.int64)
    slots, weight = np.empty(MOST_PIECES, np.int64), np.empty(MOST_PIECES)
    for i in range(first.size):
        n = _pieces(length[i], alpha[i], beta[i], kappa[i], cut, short, slots, weight)
        for k in range(n):
            long = length[i] - short[k]
            begin = offset[row[_cell(first[i] + cut[k], long, slots[k], depth)]]
            w = weight[k] * step_mwh[i] * scale
            part = share[begin : begin + long]
            mine = out[place[i] + cut[k] : place[i] + cut[k] + long]
            for j in range(long):
                mine[j] += w * part[j]
        mine = out[place[i] : place[i] + length[i]]
        sums = total[first[i] : first[i] + length[i]]
        for j in range(mine.size):
            sums[j] += mine[j]


@outer
def order_windows(order: Any, depth: Any, ordered: Any) -> None:
    """Intervals of every window in a given order.

    order    [step]  all intervals
    ordered  [step, depth, depth]  of the window that begins at `first` and has `length`: [first, length − 1, :length]
    """
    for first in range(order.size):
        for length in range(1, min(depth, order.size - first) + 1):
            n = 0
            for k in range(order.size):
                t = order[k]
                if first <= t < first + length:
                    ordered[first, length - 1, n] = t
                    n += 1


@outer
def cheapest_cost(
    first: Any, length: Any, alpha: Any, beta: Any, step_mwh: Any, kappa: Any, price: Any, ordered: Any
) -> float:
    """Least cost of all vehicles, each for itself at these prices; shares no step with the pieces.

    first … kappa  as in `count_pieces`; price  [step]  money per MWh; ordered  as of `order_windows`, cheapest first
    """
    total = 0.0
    for i in range(first.size):
        left = kappa[i]
        cost = 0.0
        last = first[i] + length[i] - 1
        for k in range(length[i]):
            if left <= 0.0:
                break
            t = ordered[first[i], length[i] - 1, k]
            there = alpha[i] if t == first[i] else beta[i] if t == last else 1.0
            took = min(left, there)
            cost += price[t] * took
            left -= took
        total += cost * step_mwh[i]
    return total
