"""Cash flow: net present value, every internal rate of return there is, and the time until money is back.

An internal rate r makes Σ c_t / (1 + r)^t zero. In x = 1 / (1 + r) that is a polynomial, and a rate is a positive root.
Between two neighbouring roots of its derivative a polynomial only rises or only falls, so it has one root there or
none, and which of the two its signs at both ends tell. Going up from the last derivative, a straight line, to the
polynomial itself finds every root in an interval and misses none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from gridloop.errors import GapInSeries, OutOfRange
from gridloop.units import FloatArray

LOWEST_RATE, HIGHEST_RATE = -0.99, 100.0  # looked at: all but lost, and a hundredfold in a year
# Of the largest sum that can occur at x: what rounding leaves of a value that is exactly zero.
ROUNDING = 1e-13


@dataclass(frozen=True)
class InternalRate:
    """The internal rates of return of a cash flow.

    status  `one`, `none` or `several`
    rates   all of them between −99 % and 10,000 %, rising
    rate    the only one; NaN where there is none or where there are several, for then no rate says what money earns
    """

    status: str
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The only one, or NaN."""
        return self.rates[0] if self.status == "one" else float("nan")


def net_present_value(cash: FloatArray, rate: float) -> float:
    """Worth today of what is paid and earned at the ends of years 0, 1, 2 …, in money. [year]

    Raises `OutOfRange` for a rate of −1 or less, `GapInSeries` for missing sums.
    """
    flow = _flow(cash)
    if not -1.0 < rate < np.inf:
        raise OutOfRange(f"The discount rate is {rate}; it must be above −1 (a share: 0.08 is 8 %).")
    return float((flow / (1.0 + rate) ** np.arange(flow.size)).sum())


def internal_rate(cash: FloatArray) -> InternalRate:
    """Rates at which what is paid and what is earned are worth the same today. [year]

    Raises `GapInSeries` for missing sums.
    """
    flow = _flow(cash)
    low, high = 1.0 / (1.0 + HIGHEST_RATE), 1.0 / (1.0 + LOWEST_RATE)
    largest = float(np.abs(flow).max(initial=0.0))
    if largest <= 0.0:
        return InternalRate("none", ())
    roots = _roots(np.trim_zeros(flow / largest, "b"), low, high)
    rates = tuple(sorted(1.0 / x - 1.0 for x in roots))
    return InternalRate({0: "none", 1: "one"}.get(len(rates), "several"), rates)


def payback_years(cash: FloatArray) -> float:
    """Years until the sum of all that came and went is positive for good, within a year by a straight line. [year]

    Infinite where it never is. Raises `GapInSeries` for missing sums.
    """
    sums = np.cumsum(_flow(cash))
    behind = np.flatnonzero(sums < 0.0)
    if behind.size == 0:
        return 0.0
    last = int(behind[-1])
    if last + 1 == sums.size:
        return float("inf")
    return float(last + sums[last] / (sums[last] - sums[last + 1]))


def _flow(cash: FloatArray) -> FloatArray:
    flow = np.asarray(cash, dtype=float)
    missing = int((~np.isfinite(flow)).sum())
    if missing:
        raise GapInSeries(f"{missing} of {flow.size} years have no sum of money. Give every year one.", missing=missing)
    return flow


def _roots(coefficients: FloatArray, low: float, high: float) -> list[float]:
    """Roots of Σ c_k x^k in [low, high], rising, each once. [power]"""
    if coefficients.size < 2:
        return []

    def value(x: float) -> float:
        return float(np.polynomial.polynomial.polyval(x, coefficients))

    def zero(x: float) -> bool:
        size = float(np.polynomial.polynomial.polyval(x, np.abs(coefficients)))
        return abs(value(x)) <= ROUNDING * size

    slope: FloatArray = np.asarray(np.polynomial.polynomial.polyder(coefficients), dtype=np.float64)
    turns = _roots(slope, low, high)
    ends = [low, *turns, high]
    found: list[float] = [x for x in ends if zero(x)]
    for a, b in pairwise(ends):
        if not zero(a) and not zero(b) and value(a) * value(b) < 0.0:
            found.append(float(brentq(value, a, b, xtol=1e-15, rtol=1e-14)))
    found.sort()
    return [x for k, x in enumerate(found) if k == 0 or x - found[k - 1] > 1e-12 * x]
