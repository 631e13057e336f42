"""Pieces under a limit: the cheapest charge of all together, exactly, in whole numbers.

A piece (see `charging`) takes each interval of its window by 0 … w and l w in all. Without a limit each takes the l
cheapest intervals. What then lies above the limit of an interval is its *excess*, and moves: a piece can give some
of interval u and take as much more of v. Excess moves along such hops to the cheapest interval with room, until no path
leads there any more or it is full; then to the next dearer one. The amounts that intervals can take in are a
polymatroid, so that filling the cheapest first is the optimum (Edmonds 1970), and a path is looked for by breadth first
and blocked level by level (Dinic 1970).

Weights are whole numbers of a small unit of energy: nothing is lost to rounding, and the end is sharp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridloop.kernel.compiled import inner, outer


@outer
def take_cheapest(first: Any, length: Any, slots: Any, weight: Any, offset: Any, ordered: Any, taken: Any, load: Any):
    """Every piece takes the first intervals of its window.

    first, length, slots, weight, offset  [piece]  window, intervals wanted, weight, and place in `taken`
    ordered  [step, depth, depth]  as of `charging.order_windows`
    taken    [cell]  by interval of the window, zero before, written here
    load     [step]  sum of all, added to
    """
    for s in range(first.size):
        for k in range(slots[s]):
            t = ordered[first[s], length[s] - 1, k]
            taken[offset[s] + t - first[s]] = weight[s]
            load[t] += weight[s]


@outer
def count_covers(first: Any, length: Any, slots: Any, begin: Any) -> None:
    """How many pieces can choose about an interval: begin [step + 1] becomes where its list begins."""
    steps = begin.size - 1
    for s in range(first.size):
        if slots[s] < length[s]:
            for j in range(length[s]):
                begin[first[s] + j + 1] += 1
    for t in range(steps):
        begin[t + 1] += begin[t]


@outer
def list_covers(first: Any, length: Any, slots: Any, begin: Any, cover: Any) -> None:
    """Pieces that can choose about an interval: cover [begin[t] … begin[t + 1]], written here."""
    at = begin.copy()
    for s in range(first.size):
        if slots[s] < length[s]:
            for j in range(length[s]):
                t = first[s] + j
                cover[at[t]] = s
                at[t] += 1


@inner
def _levels(sink, pieces, covers, load, limit, taken, level, mark, at, phase, queue):
    """Hops from every interval to the sink, up to the nearest with excess; returns how many those are, −1 for no path.

    level  [step]   −1 where it is further away or without a path; written here
    mark   [piece]  phase · (steps + 1) + level of the nearest interval it can take more of; written here
    at     [piece]  set to 0 for those
    """
    first, length, weight, offset = pieces
    begin, cover = covers
    steps = load.size
    level[:] = -1
    level[sink] = 0
    queue[0] = sink
    head, tail, found, unseen = 0, 1, -1, steps - 1
    base = phase * (steps + 1)
    while head < tail:
        v = queue[head]
        head += 1
        if found >= 0 and level[v] >= found:
            break
        for c in range(begin[v], begin[v + 1]):
            s = cover[c]
            if mark[s] >= base or taken[offset[s] + v - first[s]] >= weight[s]:
                continue
            mark[s] = base + level[v]
            at[s] = 0
            if unseen == 0:
                continue
            for j in range(length[s]):
                u = first[s] + j
                if level[u] < 0 and taken[offset[s] + j] > 0:
                    level[u] = level[v] + 1
                    unseen -= 1
                    queue[tail] = u
                    tail += 1
                    if found < 0 and load[u] > limit[u]:
                        found = level[u]
    return found


@inner
def _augment(depth, node, via, pieces, load, limit, taken):
    """Move as much as the path allows; returns the first hop that can carry no more, else 0."""
    first, _, weight, offset = pieces
    source, sink = node[0], node[depth]
    flow = min(load[source] - limit[source], limit[sink] - load[sink])
    for d in range(depth):
        s = via[d]
        here, there = offset[s] + node[d] - first[s], offset[s] + node[d + 1] - first[s]
        flow = min(flow, taken[here], weight[s] - taken[there])
    stuck = -1
    for d in range(depth):
        s = via[d]
        here, there = offset[s] + node[d] - first[s], offset[s] + node[d + 1] - first[s]
        taken[here] -= flow
        taken[there] += flow
        if stuck < 0 and (taken[here] == 0 or taken[there] == weight[s]):
            stuck = d
    load[source] -= flow
    load[sink] += flow
    return max(stuck, 0)


@inner
def _block(source, sink, pieces, covers, load, limit, taken, level, mark, at, phase, pointer, node, via):
    """Send the excess of an interval to the sink along falling levels until no such path is left."""
    first, length, weight, offset = pieces
    begin, cover = covers
    base = phase * (load.size + 1)
    depth = 0
    node[0] = source
    while load[source] > limit[source] and load[sink] < limit[sink]:
        u = node[depth]
        if u == sink:
            depth = _augment(depth, node, via, pieces, load, limit, taken)
            continue
        below = level[u] - 1
        ahead = -1
        while pointer[u] < begin[u + 1]:
            s = cover[pointer[u]]
            if mark[s] == base + below and taken[offset[s] + u - first[s]] > 0:
                while at[s] < length[s]:
                    v = first[s] + at[s]
                    if level[v] == below and taken[offset[s] + at[s]] < weight[s]:
                        ahead = v
                        break
                    at[s] += 1
                if ahead >= 0:
                    break
            pointer[u] += 1
        if ahead >= 0:
            via[depth] = s
            depth += 1
            node[depth] = ahead
        elif depth == 0:
            break
        else:
            level[u] = -2  # leads nowhere
            depth -= 1


@outer
def relieve(order: Any, pieces: Any, covers: Any, limit: Any, taken: Any, load: Any) -> int:
    """Move excess to the cheapest room; returns what is left of it.

    order   [step]  the cheapest interval first
    pieces  first, length, weight, offset, each [piece]
    covers  begin [step + 1] and cover [entry], as `list_covers` writes them
    limit   [step]
    taken   [cell]  changed here
    load    [step]  changed here
    """
    steps = order.size
    count = pieces[0].size
    begin = covers[0]
    level, queue, pointer = np.empty(steps, np.int64), np.empty(steps, np.int64), np.empty(steps, np.int64)
    node, via = np.empty(steps + 1, np.int64), np.empty(steps + 1, np.int64)
    mark, at = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    phase = 0
    left = 0
    for t in range(steps):
        left += max(load[t] - limit[t], 0)
    for k in range(steps):
        sink = order[k]
        before = load[sink]
        while load[sink] < limit[sink] and left > 0:
            phase += 1
            found = _levels(sink, pieces, covers, load, limit, taken, level, mark, at, phase, queue)
            if found < 0:
                break
            pointer[:] = begin[:steps]
            for u in range(steps):
                if level[u] == found and load[u] > limit[u]:
                    _block(
                        u, sink, pieces, covers, load, limit, taken, level, mark, at, phase, pointer, node, via
                    )  # fmt: skip
            left -= load[sink] - before
            before = load[sink]
    return left


@outer
def worth(order: Any, price: Any, pieces: Any, covers: Any, load: Any, limit: Any, taken: Any, lost: Any, out: Any):
    """What one more unit at every interval would replace: the dearest interval that energy could come from.

    order   [step]  the cheapest first; price  [step]
    lost    price of what finds no room
    out     [step]  price plus that of the limit; written here. It is the optimum of the dual problem: energy is nowhere
            where it could be cheaper, and only full intervals are worth more than their price
    """
    first, length, weight, offset = pieces
    begin, cover = covers
    steps = order.size
    seen, done = np.zeros(steps, np.bool_), np.zeros(first.size, np.bool_)
    queue = np.empty(steps, np.int64)
    for k in range(-1, steps):
        tail = 0
        if k < 0:
            for t in range(steps):
                if load[t] > limit[t]:
                    queue[tail] = t
                    tail += 1
        elif not seen[order[steps - 1 - k]]:
            queue[0] = order[steps - 1 - k]
            tail = 1
        value = lost if k < 0 else price[order[steps - 1 - k]]
        for j in range(tail):
            seen[queue[j]] = True
        head = 0
        while head < tail:
            u = queue[head]
            head += 1
            out[u] = value
            for c in range(begin[u], begin[u + 1]):
                s = cover[c]
                if done[s] or taken[offset[s] + u - first[s]] == 0:
                    continue
                done[s] = True
                for j in range(length[s]):
                    v = first[s] + j
                    if not seen[v] and taken[offset[s] + j] < weight[s]:
                        seen[v] = True
                        queue[tail] = v
                        tail += 1
