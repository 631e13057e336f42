"""One sentence for every reason of a generating unit, whether a dispatch, an optimal flow or a commitment gave it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gridloop.optimize.commitment.result import REASONS as OF_COMMITMENTS
from gridloop.optimize.explain_flow import REASONS as OF_FLOWS

_OF_DISPATCHES: Mapping[str, str] = {
    "available": "gives what the weather lets it",
    "curtail_price": "is curtailed: its energy is worth less than nothing",
}

REASONS: Mapping[str, str] = {**OF_COMMITMENTS, **OF_FLOWS, **_OF_DISPATCHES}

_LIMITS: Mapping[str, str] = {
    "p_max": "its largest output",
    "p_min": "its least output",
    "loading": "the rating of {}",
    "ramp": "its ramp",
    "reserve": "the reserve it holds",
    "forecast": "the weather",
}


def unit_sentence(reason: str, binding: str = "", shadow_price: float = math.nan, currency: str = "EUR") -> str:
    """What a unit does and why, such as "gives all it can: it costs less than the price (one more MW of it …)".

    reason, binding, shadow_price  as in the tables of a `Dispatch`, `OptimalFlow` or `Commitment`; a code that is not
    ours is spoken as it is spelled
    """
    kind, _, element = binding.partition(":")
    limit = _LIMITS.get(kind, kind.replace("_", " ")).format(element)
    said = REASONS.get(reason, reason.replace("_", " ")).format(limit=limit or "a limit")
    if limit and math.isfinite(shadow_price) and abs(shadow_price) >= 0.005:
        way = "less" if kind == "p_min" else "more"
        said += f" (one MW {way} of {limit} would save {currency} {abs(shadow_price):.2f} per h)"
    return said
