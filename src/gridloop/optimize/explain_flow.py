"""Why a generator of an optimal power flow gives what it gives: reason codes and their sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridloop.optimize.case import Moment
from gridloop.units import BASE_MVA, FloatArray

# A generator within this of a limit is at it; per unit. Interior points stop short of a limit by far less.
AT_LIMIT = 1e-4
# Two prices closer than this share of the larger are equal.
SAME = 1e-5

REASONS: Mapping[str, str] = {
    "marginal": "is between its limits: its cost is the price at its bus",
    "at_p_max": "gives all it can: it costs less than the price at its bus",
    "at_p_min": "gives as little as it can: it costs more than the price at its bus",
    "constrained_up": "gives more than it would without limits of the network: they make its power dear here",
    "constrained_down": "gives less than it would without limits of the network: they make its power worth less here",
    "fixed": "has no choice: its limits are one",
}


def sentence(generator: Mapping[str, Any], currency: str = "") -> str:
    """A row of `OptimalFlow.generator` as a person would say it.

    "gives all it can: it costs less than the price at its bus; one more MW of p_max would save 3.20 per h"
    """
    said = REASONS.get(str(generator["reason"]), str(generator["reason"]).replace("_", " "))
    price, binding = float(generator["shadow_price"]), str(generator["binding"])
    if binding and math.isfinite(price):
        unit = f"{currency} " if currency else ""
        limit, _, _ = binding.partition(":")
        said += f"; one MW {'more' if limit == 'p_max' else 'less'} of {limit} would save {unit}{price:.2f} per h"
    return said


def marginal_cost(m: Moment, p: FloatArray) -> FloatArray:
    """Cost of one more MWh at p [gen, per unit]; of a curve, the slope of the segment that decides."""
    cost = m.cost_linear + 2 * m.cost_quadratic * p * BASE_MVA
    for g, curve in m.curves.items():
        lines = curve.intercept + curve.slope * p[g] * BASE_MVA
        cost[g] = curve.slope[int(np.argmax(lines))]
    return np.asarray(cost)


def cost_per_h(m: Moment, p: FloatArray) -> FloatArray:
    """Cost of every generator at p [gen, per unit]; money per hour"""
    mw = p * BASE_MVA
    cost = m.cost_fixed + m.cost_linear * mw + m.cost_quadratic * mw**2
    for g, curve in m.curves.items():
        cost[g] = curve.at(mw[g])[0]
    return np.asarray(cost)


def reasons(
    m: Moment, p: FloatArray, price: FloatArray, congestion: FloatArray
) -> tuple[list[str], list[str], FloatArray]:
    """Reason, binding limit and shadow price of every generator. price, congestion [gen], money per MWh at its bus"""
    cost = marginal_cost(m, p)
    span = np.maximum(1.0, np.where(np.isfinite(m.p_max - m.p_min), m.p_max - m.p_min, 1.0))
    top, bottom = m.p_max - p <= AT_LIMIT * span, p - m.p_min <= AT_LIMIT * span
    fixed = m.p_max - m.p_min <= 2 * AT_LIMIT * AT_LIMIT
    top &= ~bottom | (price >= cost)
    bottom &= ~top
    without = price - np.nan_to_num(congestion)
    little = SAME * np.maximum(np.abs(price), np.abs(cost))
    code = np.full(p.size, "marginal", dtype=object)
    code[top], code[bottom] = "at_p_max", "at_p_min"
    code[~bottom & (cost > without + little) & (np.abs(congestion) > little) & ~fixed] = "constrained_up"
    code[~top & (cost < without - little) & (np.abs(congestion) > little) & ~fixed] = "constrained_down"
    code[fixed] = "fixed"
    binding = np.where(top, "p_max", np.where(bottom, "p_min", ""))
    named = [f"{limit}:{gen}" if limit else "" for limit, gen in zip(binding, m.gen_id, strict=True)]
    shadow = np.where(top, price - cost, np.where(bottom, cost - price, np.nan))
    return list(code), named, np.asarray(shadow)
