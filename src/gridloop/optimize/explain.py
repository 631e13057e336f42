"""Why a set-point is what it is: every reason code with its sentence, and the test that tells a limit from a price.

A set-point of a linear plan follows from one comparison: the worth of energy at its bus against what it is worth to the
device (stored for later, delivered before departure, given up as lost load). The worth at the bus is made of the price,
the losses and the shadow prices of limits. A limit *decided* where, without its part, the comparison would have
come out the other way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gridloop.units import BoolArray, FloatArray

# Two prices closer than this, in money per MWh, are equal: duals come with the solver's tolerance of 1e-7.
SAME_PRICE = 1e-6


@dataclass(frozen=True)
class Reason:
    """A sentence with an optional {limit}, and what the price that explains it is for; "" where none does."""

    text: str
    price_per: str = ""


_ENERGY, _REACTIVE = "MWh", "Mvarh"

REASONS: Mapping[str, Reason] = {
    # batteries, vehicles
    "charge_low_price": Reason("charges because energy is cheap here", _ENERGY),
    "discharge_high_price": Reason("discharges because energy is dear here", _ENERGY),
    "relieve_limit": Reason("acts to relieve {limit}", _ENERGY),
    "keep_promise": Reason("moves because of {limit}", _ENERGY),
    "wait_for_limit": Reason("waits because of {limit}", _ENERGY),
    "wait_for_spread": Reason("waits: prices differ by less than its losses and wear", _ENERGY),
    "full": Reason("is full"),
    "empty": Reason("is empty"),
    "move_for_service": Reason("moves so that it can hold ready what is paid for"),
    "wait_for_service": Reason("waits so that it can hold ready what is paid for"),
    # capacity held ready
    "held_ready": Reason("is held ready: that is paid better than trading with it"),
    "not_worth_holding": Reason("is not held ready: the energy and power it takes are worth more"),
    "not_paid": Reason("is not held ready: nothing is paid for it now"),
    # vehicles
    "charge_before_departure": Reason("charges because it would not be ready by departure otherwise"),
    "wait_lower_price": Reason("waits for a lower price before its departure", _ENERGY),
    "charged": Reason("has its energy"),
    "away": Reason("is not plugged in"),
    # renewables
    "available": Reason("gives what is available"),
    "curtail_limit": Reason("is curtailed because of {limit}", _ENERGY),
    "curtail_price": Reason("is curtailed because energy is worth less than nothing here", _ENERGY),
    "hold_unity": Reason("gives no reactive power: none is needed"),
    "support_voltage": Reason("gives reactive power because of {limit}", _REACTIVE),
    "lower_voltage": Reason("takes reactive power because of {limit}", _REACTIVE),
    "lower_losses": Reason("exchanges reactive power to lower losses", _REACTIVE),
    # loads
    "serve": Reason("is served"),
    "shed_limit": Reason("is shed because of {limit}", _ENERGY),
    "shed_price": Reason("is shed because energy costs more here than its loss", _ENERGY),
    "shed_turn": Reason("is off in its turn: an island cannot serve everybody"),
    "shed_floor": Reason("is off in its turn so that the source that holds the island keeps its least charge"),
    "waits_black_start": Reason("waits: circuits come back from black one after the other"),
    # loads that can be moved or reduced, stores of heat and water
    "run_low_price": Reason("runs because energy is cheap here", _ENERGY),
    "run_before_end": Reason("runs because it would not be done within its window otherwise"),
    "run_under_way": Reason("goes on: a run that has begun is not interrupted"),
    "run_hot": Reason("begins because it may not wait any longer after the stage before it"),
    "wait_for_stage": Reason("waits for the stage before it"),
    "fit_whole": Reason("takes this time: at a cheaper one the whole of it would exceed a limit or raise the peak"),
    "run_for_comfort": Reason("runs because it would fall below its band otherwise"),
    "wait_cheaper": Reason("waits: energy is cheaper for it at another time", _ENERGY),
    "outside_window": Reason("waits for its window to open"),
    "left_out": Reason("is left out: it costs more than it is worth", _ENERGY),
    "store_full": Reason("rests: its store is full"),
    "heat_ahead": Reason("is warmed ahead of need because energy is cheap here", _ENERGY),
    "cool_ahead": Reason("is cooled ahead of need because energy is cheap here", _ENERGY),
    "stays_in_band": Reason("rests: it stays within its band by itself"),
    "no_heat_left": Reason(
        "is left too cold: no machine has heat left for it, or a kelvin costs more than it is worth"
    ),
    "no_cold_left": Reason(
        "is left too warm: no machine has cold left for it, or a kelvin costs more than it is worth"
    ),
    "reduce_price": Reason("is reduced because energy costs more here than its use is worth", _ENERGY),
    "reduce_limit": Reason("is reduced because of {limit}", _ENERGY),
    # energy kept for an island
    "held_for_island": Reason("is kept for an island that may come"),
    "held_for_forecast": Reason("is kept for what the forecast may be wrong by"),
    "ready_for_island": Reason("is there anyway: an island that may come costs nothing now"),
    "island_short": Reason("is more than can be kept: an island that comes now would go short"),
    # compressed air
    "press_air": Reason("presses the air that is used"),
    "store_air": Reason("raises the pressure: air is stored for what comes"),
    "run_for_air": Reason("runs because the others could not give the air that is needed"),
    "run_cheapest_air": Reason("runs because with it the air takes least energy"),
    "idle_on": Reason("idles: to stop and start again would cost more, or its least time is not over"),
    "rest_least_time": Reason("rests: its least time of standing is not over"),
    "rest_dearer_air": Reason("rests: with it the air would take more energy"),
    # tap changers
    "hold_tap": Reason("stays: no move is worth its wear"),
    "tap_for_voltage": Reason("moves because otherwise the plan would break {limit}"),
    "tap_for_loading": Reason("moves because otherwise the plan would break {limit}"),
    "tap_for_cost": Reason("moves because that makes other measures cheaper"),
}

_LIMITS: Mapping[str, str] = {
    "voltage_high": "the highest voltage allowed at {}",
    "voltage_low": "the lowest voltage allowed at {}",
    "loading": "the rating of {}",
    "import_limit": "the import limit of {}",
    "export_limit": "the export limit of {}",
    "contracted_peak": "the contracted peak of {}",
    "outage": "the open connection {}",
    "promise": "what {} has promised",
    "max_soc": "its highest state of charge",
    "min_soc": "its lowest state of charge",
    "departure": "its departure",
    "energy": "its own need",
    "station_limit": "the limit of station {}",
    "fleet_limit": "the limit of fleet {}",
    "window": "its window",
    "stage": "the stage before it",
    "band": "its band",
}


def sentence(reason: str, binding: str = "", shadow_price: float = math.nan) -> str:
    """A reason as a person would say it: "charges because energy is cheap here (EUR 23/MWh at its bus)".

    reason, binding, shadow_price  as in the plan's table. A code that is not ours is spoken as it is spelled.
    """
    known = REASONS.get(reason)
    if known is None:
        return reason.replace("_", " ")
    said = known.text.format(limit=limit_in_words(binding) if binding else "a limit")
    if known.price_per and math.isfinite(shadow_price):
        digits = f"{shadow_price:.0f}" if abs(shadow_price) >= 10 else f"{shadow_price:.2f}"
        said += f" (EUR {digits}/{known.price_per} at its bus)"
    return said


def limit_in_words(name: str) -> str:
    """`voltage_high:Bus 25` → "the highest voltage allowed at Bus 25"."""
    kind, _, element = name.partition(":")
    return _LIMITS.get(kind, name).format(element)


def brought_below(worth: FloatArray, limit_effect: FloatArray, threshold: FloatArray | float) -> BoolArray:
    """True where energy is worth no more than the threshold only because of limits. All money per MWh."""
    return np.asarray((worth <= threshold + SAME_PRICE) & (worth - limit_effect > threshold + SAME_PRICE))


def brought_above(worth: FloatArray, limit_effect: FloatArray, threshold: FloatArray | float) -> BoolArray:
    """True where energy is worth no less than the threshold only because of limits. All money per MWh."""
    return np.asarray((worth >= threshold - SAME_PRICE) & (worth - limit_effect < threshold - SAME_PRICE))
