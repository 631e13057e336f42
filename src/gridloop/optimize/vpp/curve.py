"""The cheapest of many plans as a function of one price, exactly: a concave line of straight pieces.

At a price π a plant pays  C(π) = min over plans of (cost − π · energy).  Each plan is a straight line in π, so that C
is their lower envelope: concave, its slope −energy, and the energy a staircase that rises with the price. Two lines
known, the third is asked for where they cross: either it is no lower there, and the crossing is a step of the stair, or
it is a new line, and both halves are searched. Every question finds a step or a line (Eisner and Severance, 1976).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Costs agree to the solver's tolerance of 1e-7, relative to their size; steps of less energy than this are rounding.
SAME_COST = 1e-7
SAME_MWH = 1e-6


@dataclass(frozen=True)
class Line:
    """A plan: what it costs without the trade [money], and the energy it sells [MWh]. `plan` says what it was."""

    cost: float
    energy: float
    plan: object = None

    def at(self, price: float) -> float:
        """What it costs with the trade."""
        return self.cost - price * self.energy


@dataclass(frozen=True)
class Stair:
    """Plans in the order of rising prices: `lines[k]` is the cheapest from `begin[k]` to `begin[k + 1]`."""

    begin: tuple[float, ...]
    lines: tuple[Line, ...]
    end: float


def stair(ask: Callable[[float], Line], low: float, high: float) -> Stair:
    """All plans that are cheapest at some price between `low` and `high`, and from which price on.

    ask  finds the cheapest plan at a price. Where it errs (a plan settled by hand instead of proven), the stair is that
         of the plans it found: every step can be kept, and none is dearer than another that was seen.
    """
    left, right = ask(low), ask(high)
    found, open_ = [left, right], [(left, right)]
    while open_:
        a, b = open_.pop()
        if b.energy - a.energy <= SAME_MWH:
            continue
        price = (b.cost - a.cost) / (b.energy - a.energy)
        if not low < price < high:
            continue
        middle = ask(price)
        if middle.at(price) < a.at(price) - SAME_COST * max(1.0, abs(a.cost), abs(price * a.energy)):
            found.append(middle)
            open_ += [(middle, b), (a, middle)]
    return _lowest(found, low, high)


def _lowest(lines: list[Line], low: float, high: float) -> Stair:
    """The lower envelope of lines between two prices."""
    by_energy = sorted(lines, key=lambda line: (line.energy, line.cost))
    kept: list[Line] = []
    begin: list[float] = []
    for line in by_energy:
        while kept:
            last = kept[-1]
            if line.energy - last.energy <= SAME_MWH:  # alike: the cheaper one stays
                if line.cost >= last.cost:
                    break
                cross = begin[-1]
            else:
                cross = (line.cost - last.cost) / (line.energy - last.energy)
            if cross > begin[-1]:
                if cross < high:
                    kept.append(line)
                    begin.append(cross)
                break
            kept.pop()
            begin.pop()
        if not kept:
            kept, begin = [line], [low]
    return Stair(tuple(begin), tuple(kept), high)
