"""What other choices would cost: the same question asked again without a unit, or with more of a limit.

A shadow price tells what the very next MW of a limit is worth; it says nothing about ten of them, nor about a unit that
is not there at all. This asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, listed
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.units import SQRT3

COLUMNS = ("kind", "element", "mw", "status", "cost", "extra_cost", "why")

Case = Any  # a Network, a UnitSystem or a table of units
Solve = Callable[[Case], Any]


def next_best(
    case: Case,
    solution: Any,
    solve: Solve,
    *,
    without: Sequence[str] = (),
    more: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """What it would cost without each of some units, and with more of each of some limits. [choice]

    case      what `solution` is for: a `Network`, a `UnitSystem` or a table of units
    solve     asks the question again, such as `partial(optimal_power_flow, physics="dc")`
    without   ids of units, each left out once
    more      id of a branch or a unit → MVA or MW more of its rating or largest output (negative for less)

    Returns kind ("without" or "more"), element, mw, status, cost, extra_cost (what it costs more than `solution`;
    negative where it saves; infinite where nothing else can be done), and why there is no answer. A choice that is no
    case at all, such as a table without its last unit, has the status "bad_input".
    Raises `BadInput` for ids that the case does not have, and where `solution` has no cost.
    """
    now = _cost(solution)
    if not math.isfinite(now):
        raise BadInput("there is no cost to compare with: the solution has none.", status=str(solution.status))
    changes = more or {}
    _known(case, without, changes)
    asked: list[tuple[str, str, float]] = [("without", unit, math.nan) for unit in without]
    asked += [("more", element, float(mw)) for element, mw in changes.items()]
    table = []
    for kind, element, mw in asked:
        try:
            answer = solve(_left_out(case, element) if kind == "without" else _widened(case, element, mw))
        except BadInput as error:  # such as the last unit left out: this choice is none, the others are
            table.append((kind, element, mw, "bad_input", math.nan, math.nan, str(error.args[0])))
            continue
        cost = _cost(answer)
        solved = math.isfinite(cost)
        diagnosis = getattr(answer, "diagnosis", None)
        why = "" if solved or diagnosis is None else str(diagnosis.causes[0]) if diagnosis.causes else diagnosis.status
        extra = cost - now if solved else (math.inf if answer.status == "infeasible" else math.nan)
        table.append((kind, element, mw, str(answer.status), cost, extra, why))
    return pd.DataFrame(table, columns=list(COLUMNS))


def choice_in_words(choice: Mapping[str, Any], currency: str = "EUR") -> str:
    """A row of `next_best` as a person would say it: "without gen-3 it would cost EUR 120 more"."""
    element, extra, mw = choice["element"], float(choice["extra_cost"]), float(choice["mw"])
    what = f"without {element}" if choice["kind"] == "without" else f"with {mw:+g} MW for {element}"
    if math.isinf(extra):
        return f"{what} there would be no solution: {choice['why'] or 'the rules contradict each other'}"
    if choice["status"] == "bad_input":
        return f"{what} there is nothing to solve: {choice['why']}"
    if math.isnan(extra):
        return f"what it would cost {what} is not known: the solve ended {choice['status']!r}"
    if abs(extra) < 0.005:
        return f"{what} it would cost the same"
    return f"{what} it would cost {currency} {abs(extra):.2f} {'more' if extra > 0 else 'less'}"


def _cost(solution: Any) -> float:
    return float(solution.cost if hasattr(solution, "cost") else solution.objective)


def _units(case: Case) -> pd.DataFrame:
    if isinstance(case, Network):
        return case.generator
    table = case.unit if isinstance(case, UnitSystem) else case
    assert isinstance(table, pd.DataFrame)
    return table


def _known(case: Case, without: Sequence[str], more: Mapping[str, float]) -> None:
    units = set(_units(case).index)
    branches = {*case.line.index, *case.transformer.index} if isinstance(case, Network) else set()
    unknown = [i for i in without if i not in units] + [i for i in more if i not in units | branches]
    if unknown:
        raise BadInput(f"{len(unknown)} ids are no units or branches of the case: {listed(unknown)}.", ids=unknown)


def _left_out(case: Case, unit: str) -> Case:
    if isinstance(case, Network):
        return _with_cell(case, "generator", unit, "in_service", False)
    if isinstance(case, UnitSystem):
        return case.of_units([i for i in case.unit.index if i != unit])
    return case.drop(index=[unit])


def _widened(case: Case, element: str, mw: float) -> Case:
    if isinstance(case, UnitSystem):
        return _more_of_unit(case, element, mw)
    if not isinstance(case, Network):
        table = case.copy()
        table.loc[element, "p_max_mw"] = _number(table, element, "p_max_mw") + mw
        return table
    if element in case.generator.index:
        most = _number(case.generator, element, "p_max_mw")
        return _with_cell(case, "generator", element, "p_max_mw", most + mw)
    table, column, per_unit = "transformer", "s_max_mva", 1.0
    if element in case.line.index:
        bus = str(case.line["tail_bus"].loc[element])
        table, column, per_unit = "line", "i_max_ka", SQRT3 * _number(case.bus, bus, "v_nom_kv")
    rating = _number(case.tables[table], element, column)
    circuits = _number(case.tables[table], element, "parallel")
    return _with_cell(case, table, element, column, rating + mw / (per_unit * circuits))


def _more_of_unit(system: UnitSystem, element: str, mw: float) -> UnitSystem:
    """A larger p_max_mw; the curve goes on as its last line does."""
    unit, cost = system.unit.copy(), system.cost.copy()
    unit.loc[element, "p_max_mw"] = _number(unit, element, "p_max_mw") + mw
    own = np.flatnonzero((cost["unit"] == element).to_numpy())
    p, money = (cost[name].to_numpy(dtype=float).copy() for name in ("p_mw", "cost_per_h"))
    last, before = own[-1], own[max(own.size - 2, 0)]
    width = p[last] - p[before]
    slope = (money[last] - money[before]) / width if width else 0.0
    p[last] += mw
    money[last] += slope * mw
    return system.with_(unit=unit, cost=cost.assign(p_mw=p, cost_per_h=money))


def _number(table: pd.DataFrame, element: str, column: str) -> float:
    return float(table[column].to_numpy(dtype=float)[table.index.get_indexer(pd.Index([element]))[0]])


def _with_cell(net: Network, table: str, element: str, column: str, value: Any) -> Network:
    """The network with another value, as a thought and not as a version: nobody edited it."""
    frame = net.tables[table].copy()
    frame.loc[element, column] = value
    return Network({**net.tables, table: frame}, net.name, net.version, net.history)
