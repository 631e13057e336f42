"""Rules, bounds and slacks in words: what a person can look up in the tables and change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from gridloop.errors import listed
from gridloop.optimize.conflict.system import LinearSystem, Rule
from gridloop.units import BASE_MVA


class Phrase(NamedTuple):
    """How a rule is said.

    lower, upper, equal  sentences with {element} and {bound}
    many   how several are said together, with {count} and {elements}; "" where each is told on its own
    unit   power (told in MW), angle (radians in the model, told in degrees), or what stands behind the number
    """

    lower: str
    upper: str
    equal: str
    many: str
    unit: str


_LAW = "{element} follows Kirchhoff's voltage law"
_BALANCE = "the power balance of bus {element}"
PHRASES: Mapping[str, Phrase] = {
    "output": Phrase(
        "{element} gives at least {bound}", "{element} gives at most {bound}", "{element} gives {bound}", "", "power"
    ),
    "flow": Phrase(
        "{element} carries at most {bound}", "{element} carries at most {bound}", "{element} carries {bound}", "",
        "power",
    ),
    "rating": Phrase(
        "{element} carries at most {bound}", "{element} carries at most {bound}", "{element} carries {bound}", "",
        "power",
    ),
    "balance": Phrase(_BALANCE, _BALANCE, _BALANCE, "the power balances of {count} buses ({elements})", "power"),
    "flow_law": Phrase(_LAW, _LAW, _LAW, "Kirchhoff's voltage law on {count} branches ({elements})", ""),
    "angle_limit": Phrase(
        "the angle across {element} is at least {bound}", "the angle across {element} is at most {bound}",
        "the angle across {element} is {bound}", "", "angle",
    ),
    "angle": Phrase(
        "the angle of bus {element} is at least {bound}", "the angle of bus {element} is at most {bound}",
        "bus {element} is the reference of angles", "", "angle",
    ),
    "island_balance": Phrase(
        "the power balance of the island of bus {element}", "the power balance of the island of bus {element}",
        "the power balance of the island of bus {element}", "", "power",
    ),
    "flow_limit": Phrase(
        "{element} carries no more than it may{hour}", "{element} carries no more than it may{hour}",
        "{element} carries no more than it may{hour}", "", "power",
    ),
    "demand": Phrase(
        "the demand of {bound}{hour}", "the demand of {bound}{hour}", "the demand of {bound}{hour}", "", "power"
    ),
    "reserve": Phrase("the reserve of {bound}{hour}", "the reserve{hour}", "the reserve{hour}", "", "power"),
    "ramp_up": Phrase("", "{element} rises by at most {bound} an hour", "", "", "power"),
    "ramp_down": Phrase("", "{element} falls by at most {bound} an hour", "", "", "power"),
    "on": Phrase("{element} has to be on", "{element} may not be on", "whether {element} is on is fixed", "", ""),
    "unit_rule": Phrase("", "", "", "the ramps, least times and limits of {count} units ({elements})", ""),
    "renewable": Phrase("", "", "", "what {count} renewables may give", ""),
    "min_up": Phrase("", "", "", "the least time on of {count} units ({elements})", ""),
    "min_down": Phrase("", "", "", "the least time off of {count} units ({elements})", ""),
    "must_run": Phrase("{element} must run", "{element} must run", "{element} must run", "", ""),
    "start_logic": Phrase("", "", "", "how starts and stops follow from on and off ({elements})", ""),
    "start_limit": Phrase("", "", "", "the start-up limit of {count} units ({elements})", ""),
    "stop_limit": Phrase("", "", "", "the shut-down limit of {count} units ({elements})", ""),
}  # fmt: skip

# Kinds in the order in which to try to explain a conflict without them: the hardest to read first.
LEFT_OUT_FIRST = (
    "flow_law", "angle_limit", "rating", "flow", "reserve", "start_limit", "stop_limit", "ramp_up", "ramp_down",
    "min_up", "min_down", "must_run",
)  # fmt: skip


# Parts of a formulation that say nothing to a person: shapes of curves, helpers that are zero or more.
UNSAID = ("part", "part_rule", "warm_start", "start", "stop", "output_above_least", "reserve_held")


def in_words(system: LinearSystem, sides: Iterable[int]) -> list[str]:
    """Sides as sentences: limits one by one, balances and laws together; by kind, limits first."""
    single: list[str] = []
    together: dict[str, list[str]] = {}
    for side in sides:
        rule, which, bound = system.rule(int(side))
        if rule.kind in UNSAID or (rule.kind == "on" and bound == (1.0 if which == "upper" else 0.0)):
            continue
        phrase = PHRASES.get(rule.kind)
        if phrase is not None and phrase.many:
            names = together.setdefault(rule.kind, [])
            if rule.element not in names:
                names.append(rule.element)
            continue
        said = sentence(rule, which, bound, system.power_mw)
        if said not in single:
            single.append(said)
    for kind, names in together.items():
        phrase = PHRASES[kind]
        if len(names) == 1 and phrase.equal:
            single.append(phrase.equal.format(element=names[0], bound="", hour=""))
        else:
            single.append(phrase.many.format(count=len(names), elements=listed(names)))
    return single


def sentence(rule: Rule, which: str, bound: float, power_mw: float) -> str:
    """One side of one rule: "line-7 carries at most 100 MW"."""
    phrase = PHRASES.get(rule.kind)
    hour = f" {rule.hour if rule.hour.startswith('after ') else f'in hour {rule.hour}'}" if rule.hour else ""
    text = getattr(phrase, which) if phrase is not None else ""
    if phrase is None or not text:
        sign = {"lower": "at least ", "upper": "at most "}.get(which, "")
        kind = rule.kind.replace("_", " ")
        return f"{kind} of {rule.element}{hour}: {sign}{amount(bound, 'number', power_mw)}"
    size = abs(bound) if rule.kind in ("flow", "rating") else bound
    told = str(text.format(element=rule.element, bound=amount(size, phrase.unit, power_mw), hour=hour))
    return told if "{hour}" in text else told + hour


def amount(value: float, unit: str, power_mw: float) -> str:
    """A bound as a person reads it."""
    if unit == "power":
        return f"{value * power_mw:.6g} MW"
    if unit == "angle":
        return f"{math.degrees(value):.4g}°"
    return f"{value:.6g}"


def relaxation_in_words(system: LinearSystem, excess: Mapping[int, float]) -> list[str]:
    """What gives by how much, the largest first: "line-7 carries at most 100 MW: would have to give 20 MW"."""
    told = []
    for side, much in sorted(excess.items(), key=lambda item: -item[1]):
        rule, which, bound = system.rule(side)
        phrase = PHRASES.get(rule.kind)
        unit = phrase.unit if phrase is not None else "number"
        what = sentence(rule, which, bound, system.power_mw)
        told.append(f"{what}: would have to give {amount(much, unit, system.power_mw)}")
    return told


_SLACKS: Mapping[str, tuple[str, str]] = {
    "p_balance": ("bus {} lacks or has too much active power: {:.4g} MW cannot be placed", "MW"),
    "q_balance": ("bus {} lacks or has too much reactive power: {:.4g} Mvar cannot be placed", "Mvar"),
    "p_short": ("bus {} lacks {:.4g} MW", "MW"),
    "p_over": ("bus {} has {:.4g} MW too much", "MW"),
    "q_short": ("bus {} lacks {:.4g} Mvar", "Mvar"),
    "q_over": ("bus {} has {:.4g} Mvar too much", "Mvar"),
    "rating": ("{} would have to carry {:.4g} MVA more than it may", "MVA"),
    "angle_limit": ("the angle across {} would have to exceed its limit by {:.4g}°", "°"),
    "v_min": ("the voltage of bus {} would have to fall {:.4g} pu below its limit", "pu"),
    "v_max": ("the voltage of bus {} would have to rise {:.4g} pu above its limit", "pu"),
}


def slacks_in_words(slacks: pd.DataFrame, most: int = 5) -> list[str]:
    """What resists in an elastic solve, as sentences, the worst of every kind of unit first.

    slacks  kind (p_short, p_over, q_short, q_over, p_balance, q_balance, rating, angle_limit, v_min, v_max), element,
            excess in MW, Mvar, MVA, degrees or pu; rows of zero are left out
    """
    told: list[tuple[float, str]] = []
    rows: Sequence[dict[Any, Any]] = slacks.to_dict("records")
    for row in rows:
        excess = abs(float(row["excess"]))
        if not excess > 0.0:
            continue
        text, unit = _SLACKS.get(str(row["kind"]), (str(row["kind"]).replace("_", " ") + " of {}: {:.4g}", ""))
        size = {"°": math.radians(excess), "pu": excess}.get(unit, excess / BASE_MVA)
        told.append((size, text.format(row["element"], excess)))
    told.sort(key=lambda item: -item[0])
    said = [text for _, text in told[:most]]
    return [*said, f"{len(told) - most} more"] if len(told) > most else said
