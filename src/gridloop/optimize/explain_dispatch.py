"""Why a unit of an economic dispatch gives what it gives: reason codes and their sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REASONS: Mapping[str, str] = {
    "marginal": "is between its limits and sets the price",
    "at_p_max": "gives all it can: it costs less than the price",
    "at_p_min": "gives as little as it can: it costs more than the price",
    "available": "gives all that the forecast allows",
    "curtail_price": "is curtailed: energy is worth no more than it costs",
    "ramp_up": "rises as fast as it can",
    "ramp_down": "falls as fast as it can",
    "reserve": "keeps room for reserve",
}


def sentence(unit: Mapping[str, Any]) -> str:
    """A row of `Dispatch.unit` as a person would say it, with what its limit is worth."""
    said = REASONS.get(str(unit["reason"]), str(unit["reason"]).replace("_", " "))
    worth = float(unit["shadow_price"])
    return f"{said}; one more MW saves {worth:,.2f} per h" if unit["binding"] and worth > 0 else said
