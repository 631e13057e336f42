"""What energy left in a store is worth, as a list of falling slopes: the convex half of `storage`.

Least cost to come, as a function of the stored energy, is V. While V is convex it is kept as segments from the lowest
energy upwards: how long each is [MWh], and what a MWh on it is worth [money per MWh], falling from segment to segment.
One interval back, V becomes

    U(y) = min over x of  V(y + x) + in_price · x    for 0 ≤ x ≤ most_in
                          V(y + x) + out_price · x   for −most_out ≤ x ≤ 0

and where out_price ≤ in_price that is V with two segments more: one of length most_in and worth in_price, one of
length most_out and worth out_price, each put where its worth belongs (the slopes of an infimal convolution are those
of its two parts, sorted). What lies left of the first is bought for, what lies right of the second is sold from, and
what is between stays: two levels per interval are the whole decision.
"""

from __future__ import annotations

from gridloop.kernel.compiled import inner


@inner
def one_back(worth, length, n, left, in_price, out_price, most_in, most_out):
    """Move V one interval back; returns how many segments, where the first begins, and the two levels.

    worth   [segment]  money per MWh, falling; room for two more
    length  [segment]  MWh; n of them count, the first begins at `left`
    Returned: n, left, and the levels up to which it charges and down to which it discharges.
    """
    first, up_to = 0, left
    while first < n and worth[first] > in_price:
        up_to += length[first]
        first += 1
    second, down_to = first, up_to
    while second < n and worth[second] >= out_price:
        down_to += length[second]
        second += 1
    if most_out > 0.0:
        n = _insert(worth, length, n, second, out_price, most_out)
    if most_in > 0.0:
        n = _insert(worth, length, n, first, in_price, most_in)
    return n, left - most_in, up_to, down_to


@inner
def _insert(worth, length, n, at, value, size):
    """One segment more, before segment `at`; returns how many there are."""
    for k in range(n, at, -1):
        worth[k] = worth[k - 1]
        length[k] = length[k - 1]
    worth[at] = value
    length[at] = size
    return n + 1


@inner
def stretch(worth, length, n, kept):
    """Energy before a share 1 − kept of it was lost: segments are longer, and a MWh is worth less."""
    for k in range(n):
        length[k] /= kept
        worth[k] *= kept


@inner
def trim(worth, length, n, left, low, high):
    """Cut what lies below `low` and above `high`; returns how many segments are left and where they begin."""
    gone = 0
    while gone < n and left + length[gone] <= low:
        left += length[gone]
        gone += 1
    if left < low:
        if gone < n:
            length[gone] -= low - left
        left = low
    end, k = left, gone
    while k < n and end + length[k] <= high:
        end += length[k]
        k += 1
    if k < n and high > end:
        length[k] = high - end
        k += 1
    if gone:
        for m in range(gone, k):
            worth[m - gone] = worth[m]
            length[m - gone] = length[m]
    return k - gone, left


@inner
def add_band(worth, length, n, left, least, most, money):
    """Add what a MWh outside the band costs: `money` below `least`, and above `most`. Room for two more segments."""
    n = _cut(worth, length, n, left, least)
    n = _cut(worth, length, n, left, most)
    end = left
    for k in range(n):
        middle = end + 0.5 * length[k]
        end += length[k]
        if middle < least:
            worth[k] += money
        elif middle > most:
            worth[k] -= money
    return n


@inner
def _cut(worth, length, n, left, at):
    """Two segments in place of one where a level lies within it; returns how many there are."""
    end = left
    for k in range(n):
        begin = end
        end += length[k]
        if begin < at < end:
            n = _insert(worth, length, n, k, worth[k], at - begin)
            length[k + 1] = end - at
            return n
    return n
