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
    "before_ramp_up": "gives more than this step asks for: it could not rise fast enough for the next",
    "before_ramp_down": "is held back: it could not fall fast enough for the next step",
    "reserve": "keeps room for reserve",
}

# Reasons of units that give more than their costs would have them: less of it is what saves.
_TOO_MUCH = ("at_p_min", "curtail_price", "ramp_down", "before_ramp_up")


def sentence(unit: Mapping[str, Any]) -> str:
    """A row of `Dispatch.unit` as a person would say it, with what its limit is worth."""
    said = REASONS.get(str(unit["reason"]), str(unit["reason"]).replace("_", " "))
    worth = float(unit["shadow_price"])
    change = "one MW less" if str(unit["reason"]) in _TOO_MUCH else "one more MW"
    return f"{said}; {change} saves {worth:,.2f} per h" if unit["binding"] and worth > 0 else said
