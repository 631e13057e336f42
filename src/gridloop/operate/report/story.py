"""The top of the page: what happened in two sentences, what did not go as planned, and the figures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridloop.operate.report import facts
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.operate.report.words import count, escaped, number, table

# (key of the result, name, unit, digits); a lower value is better in every one but export, which is neither.
KPIS = (
    ("cost_eur", "Cost", "EUR", 0),
    ("import_mwh", "Import", "MWh", 1),
    ("export_mwh", "Export", "MWh", 1),
    ("peak_import_mw", "Peak import", "MW", 2),
    ("losses_mwh", "Losses", "MWh", 2),
    ("curtailed_mwh", "Curtailed", "MWh", 2),
    ("unserved_mwh", "Unserved", "MWh", 3),
    ("ev_short_mwh", "EV energy short", "MWh", 3),
    ("voltage_violations", "Voltage violations", "bus × tick", 0),
    ("overloads", "Overloads", "branch × tick", 0),
    ("co2_t", "CO₂", "t", 1),
)
NEITHER = {"export_mwh"}
PARTS = {
    "energy": "Energy bought less sold",
    "unserved": "Load not served",
    "ev_short": "EV energy short",
    "peak": "Import beyond the contract",
    "inventory": "Stored and owed at midnight",
}
MOST_DEGRADED, MOST_OPEN = 60, 8


def summary(tables: RunTables, info: RunInfo, clock: LocalClock) -> str:
    """Two sentences from the numbers: the day without control, and what control made of it."""
    sentences = []
    if BASELINE in tables.runs:
        sentences.append(_without(tables, clock))
    if CONTROLLED in tables.runs:
        sentences.append(_with(tables, info))
    return " ".join(sentences) or "The run stopped before its first tick was stored."


def _without(tables: RunTables, clock: LocalClock) -> str:
    found = facts.breaches(tables, BASELINE)
    if found.none:
        return "Without control the feeder would have stayed within its voltage bands and ratings."
    return f"Without control the feeder would have {_broken(found)}{_worst(tables, clock, bool(found.buses))}."


def _broken(found: facts.Breaches) -> str:
    said = []
    if found.buses:
        buses = count(len(found.buses), "bus", "buses")
        said.append(f"left its voltage band at {buses} for {number(found.voltage_h)} h")
    if found.branches:
        branches = count(len(found.branches), "line or transformer", "lines and transformers")
        said.append(f"overloaded {branches} for {number(found.loading_h)} h")
    return " and ".join(said)


def _worst(tables: RunTables, clock: LocalClock, voltage: bool) -> str:
    worst = facts.extreme_voltage(tables, BASELINE) if voltage else facts.extreme_loading(tables, BASELINE)
    if worst is None:
        return ""
    value = f"{number(worst.value, 3)} pu" if voltage else f"{number(worst.value, 0)} %"
    return f" (worst: {value} at {escaped(worst.id)}, {clock.says(worst.at)})"


def _with(tables: RunTables, info: RunInfo) -> str:
    found = facts.breaches(tables, CONTROLLED)
    broken = "no limit was exceeded" if found.none else f"it {_broken(found)}"
    if not found.none and facts.breaches(tables, CONTROLLED, skip=1).none:
        broken += ", in the first tick only"
    said = f"With control {broken}"
    ours, theirs = info.kpi(CONTROLLED), info.kpi(BASELINE)
    if "cost_eur" in ours and "cost_eur" in theirs:
        said += f", and {_span(tables)} {_money(ours['cost_eur'], theirs['cost_eur'])}"
    if "unserved_mwh" in ours:
        short = ours["unserved_mwh"]
        said += "; all load was served" if short <= 1e-6 else f"; {number(short, 3)} MWh of load were not served"
    return said + "."


def _money(ours: float, theirs: float) -> str:
    """`cost 12 EUR less`, or `earned 12 EUR more` where both days earn."""
    saved = theirs - ours
    amount, earns = f"{number(abs(saved), 0)} EUR", ours < 0 and theirs < 0
    if earns:
        return f"earned {amount} {'more' if saved >= 0 else 'less'}"
    return f"cost {amount} {'less' if saved >= 0 else 'more'}"


def _span(tables: RunTables) -> str:
    """`the day`, or how much of it was run."""
    hours = float(facts.hours_of(tables, CONTROLLED).sum())
    # The shortest day has 23 hours.
    return "the day" if hours > 22.99 else f"these {number(hours, 1)} h"


def trouble(tables: RunTables, clock: LocalClock) -> str:
    """A box that calls out missed ticks and degraded modes; one quiet line where there were none."""
    found, missing = facts.degraded(tables), facts.missed(tables)
    done = len(tables.ticks_of.get(CONTROLLED, ()))
    if not found and not missing:
        return (
            f'<p class="calm">{count(done, "tick")} decided, none missed. '
            "No fallback was needed and no limit gave way.</p>"
            if done
            else ""
        )
    ticks = {one.tick for one in found}
    head = f"{count(missing, 'tick')} missed, {number(len(ticks), 0)} of {count(done, 'tick')} in a degraded mode"
    rows = [(clock.says(one.at), str(one.tick), escaped(one.mode), escaped(one.text)) for one in found[:MOST_DEGRADED]]
    more = len(found) - len(rows)
    tail = f"<p>and {number(more, 0)} more, in the tables ticks and events</p>" if more > 0 else ""
    body = table(("time", "tick", "mode", "what"), rows) if rows else ""
    unfolded = " open" if len(rows) <= MOST_OPEN else ""
    return f'<div class="trouble"><details{unfolded}><summary>{head}</summary>{body}{tail}</details></div>'


def tiles(info: RunInfo) -> str:
    """The figures a reader looks for first, before and after."""
    ours, theirs = info.kpi(CONTROLLED), info.kpi(BASELINE)
    wanted = ("cost_eur", "voltage_violations", "overloads", "peak_import_mw", "losses_mwh", "curtailed_mwh")
    cards = []
    for key, name, unit, digits in KPIS:
        if key in wanted and key in ours:
            before = f"uncontrolled {number(theirs[key], digits)}" if key in theirs else "&nbsp;"
            cards.append(
                f'<div class="tile"><div class="name">{name}</div>'
                f'<div class="value">{number(ours[key], digits)} <span class="unit">{unit}</span></div>'
                f'<div class="before">{before}</div></div>'
            )
    return f'<div class="tiles">{"".join(cards)}</div>' if cards else ""


def kpi_table(info: RunInfo) -> str:
    """Controlled, uncontrolled, difference: the key figures, and beside them the parts of the cost."""
    ours, theirs = info.kpi(CONTROLLED), info.kpi(BASELINE)
    rows = [_kpi_row(name, unit, digits, key, ours, theirs) for key, name, unit, digits in KPIS if key in ours]
    if not rows:
        return '<p class="absent">The run did not end, so its figures were not computed.</p>'
    return f'<div class="columns">{_kpi("", rows)}{_cost_parts(info)}</div>'


def _kpi(title: str, rows: list[tuple[str, ...]]) -> str:
    head = (title, "unit", "controlled", "uncontrolled", "difference", "")
    return table(head, rows, css="kpi", numeric=(2, 3, 4, 5))


def _cost_parts(info: RunInfo) -> str:
    """What the cost is made of; parts that are zero in both runs are left out."""
    parts = info.result.get("cost_parts") or {}
    ours, theirs = parts.get(CONTROLLED) or {}, parts.get(BASELINE) or {}
    rows = [
        _kpi_row(escaped(PARTS.get(key, key.replace("_", " ").capitalize())), "EUR", 0, key, ours, theirs, judged=False)
        for key in ours
        if abs(ours[key]) >= 0.5 or abs(theirs.get(key, 0.0)) >= 0.5
    ]
    return _kpi("cost by part", rows) if rows else ""


def _kpi_row(
    name: str, unit: str, digits: int, key: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], judged: bool = True
) -> tuple[str, ...]:
    after, before = ours[key], theirs.get(key)
    if before is None or not _is_number(before):
        return (name, unit, number(after, digits), "–", "–", "")
    change = after - before
    small = abs(change) < 0.5 * 10**-digits
    mark = f' class="{"better" if change < 0 else "worse"}"' if judged and key not in NEITHER and not small else ""
    # A share of something that changes its sign says nothing.
    telling = judged and not small and before > 1e-9 and after >= 0
    share = f"{number(100 * change / before, 0, sign=True)} %" if telling else ""
    return (
        name,
        unit,
        f"<b>{number(after, digits)}</b>",
        number(before, digits),
        f"<span{mark}>{number(change, digits, sign=True)}</span>",
        f'<span class="share">{share}</span>',
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
