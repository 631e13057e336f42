"""Why a battery moves or waits: the worth of energy here against what it is worth stored."""

from __future__ import annotations

from dataclasses import dataclass

from gridloop.optimize.devices.group import MOVING_MW, Words
from gridloop.optimize.explain import SAME_PRICE, brought_above, brought_below
from gridloop.units import FloatArray


@dataclass(frozen=True)
class Comparison:
    """What decides. [battery]

    buy_below, sell_above  worth of energy at the bus between which no move pays [money per MWh]
    least, most            the band of stored energy [MWh]
    """

    buy_below: FloatArray
    sell_above: FloatArray
    least: FloatArray
    most: FloatArray


def explain(
    power: FloatArray,
    energy: FloatArray,
    ready: FloatArray,
    here: FloatArray,
    effect: FloatArray,
    limit: Words,
    worth: Comparison,
) -> tuple[list[str], list[str]]:
    """Reason and binding limit of one interval. [battery]

    power, energy, ready  charging is positive [MW]; at the end [MWh]; held ready for services [MW]
    here, effect, limit   worth of energy at the bus, the share of limits in it and the name of the largest
    """
    bought_for_limit = brought_below(here, effect, worth.buy_below)
    sold_for_limit = brought_above(here, effect, worth.sell_above)
    # Idle: would it move were there no limits?
    without = here - effect
    held = (without < worth.buy_below - SAME_PRICE) | (without > worth.sell_above + SAME_PRICE)
    # Moves that no price asks for, and waits although one does, for the sake of what is sold ready.
    too_dear = (ready > MOVING_MW) & (here > worth.buy_below + SAME_PRICE)
    too_cheap = (ready > MOVING_MW) & (here < worth.sell_above - SAME_PRICE)
    kept_ready = (ready > MOVING_MW) & ~(too_dear & too_cheap)
    reason: list[str] = []
    binding: list[str] = []
    for k in range(power.size):
        if power[k] > MOVING_MW:
            code = "relieve_limit" if bought_for_limit[k] else "move_for_service" if too_dear[k] else "charge_low_price"
        elif power[k] < -MOVING_MW:
            code = (
                "relieve_limit" if sold_for_limit[k] else "move_for_service" if too_cheap[k] else "discharge_high_price"
            )
        elif energy[k] >= worth.most[k] - MOVING_MW:
            code = "full"
        elif energy[k] <= worth.least[k] + MOVING_MW:
            code = "empty"
        elif held[k] and limit[k]:
            code = "wait_for_limit"
        else:
            code = "wait_for_service" if kept_ready[k] else "wait_for_spread"
        reason.append(code)
        own = {"full": "max_soc", "empty": "min_soc"}.get(code, "")
        binding.append(str(limit[k]) if code in ("relieve_limit", "wait_for_limit") else own)
    return reason, binding
