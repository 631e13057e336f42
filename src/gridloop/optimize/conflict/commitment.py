"""The conflict of an infeasible unit commitment: rows of the production model named by the units and hours they join.

The tight formulation writes its rows family by family without names; a row that joins columns of one unit alone is a
rule of that unit, in the latest hour that it touches.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from gridloop.diagnosis import Diagnosis
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.conflict.diagnose import conflicting_rules
from gridloop.optimize.conflict.system import LinearSystem, Rule
from gridloop.units import IntArray

# Tried to explain without them, in this order.
LEFT_OUT_FIRST = ("reserve", "regulation", "start", "stop", "unit_rule")


def commitment_conflict(
    model: CommitmentModel, *, plain: tuple[str, ...] = (), time_limit_s: float = 10.0
) -> Diagnosis:
    """Why a commitment has no plan: in fractions where they contradict each other already, else in whole numbers.

    plain  sentences of causes found without a solver; they come first
    """
    system = commitment_system(model)
    # What may give is what is asked of all units together; their own rules are facts.
    laws = {*system.kinds()} - {"demand", "reserve", "regulation"}
    return conflicting_rules(system, time_limit_s=time_limit_s, left_out_first=LEFT_OUT_FIRST, plain=plain, laws=laws)


def commitment_system(model: CommitmentModel) -> LinearSystem:
    """All rules of a commitment that limit something; what balances may give way by is left out."""
    p = model.program
    named = _columns(model)
    keep = np.ones(p.lower.size, dtype=bool)
    keep[model.elastic] = False
    columns = np.flatnonzero(keep)
    rows = np.flatnonzero(np.isfinite(p.row_lower) | np.isfinite(p.row_upper))
    matrix = csr_array(p.a)[rows][:, columns]
    special = _rows(model)
    rules = []
    for k, row in enumerate(rows.tolist()):
        touched = columns[matrix.indices[matrix.indptr[k] : matrix.indptr[k + 1]]]
        rules.append(special.get(row) or _rule_of(named, touched))
    return LinearSystem(
        matrix,
        p.row_lower[rows],
        p.row_upper[rows],
        p.lower[columns],
        p.upper[columns],
        rules,
        [named[k] for k in columns.tolist()],
        p.integer[columns],
    )


def _columns(model: CommitmentModel) -> list[Rule]:
    """What every column is; pieces of curves and helpers are parts of a unit that nobody names."""
    names = [Rule("part", "")] * model.program.lower.size

    def call(kind: str, columns: IntArray, ids: list[str]) -> None:
        for unit, row in zip(ids, columns, strict=True):
            for hour, column in enumerate(row.tolist()):
                if column >= 0:
                    names[column] = Rule(kind, unit, str(hour))

    units = [str(i) for i in model.arrays.ids]
    for kind, columns in (("on", model.on_off.u), ("start", model.on_off.v), ("stop", model.on_off.w)):
        call(kind, columns, units)
    for unit, stop, start, column in zip(
        model.on_off.x_unit, model.on_off.x_stop, model.on_off.x_start, model.on_off.x, strict=True
    ):
        names[column] = Rule("warm_start", units[unit], f"{max(int(stop), 0)} to {int(start)}")
    for output, other in zip(model.outputs, model.others, strict=True):
        for kind, columns in (
            ("output_above_least", output.p), ("reserve_held", output.r), ("regulation_held", output.regulation),
        ):  # fmt: skip
            call(kind, columns, units)
        for quantity, columns in other.columns.items():
            call(quantity, columns, [str(k) for k in range(len(columns))])
    return names


def _rows(model: CommitmentModel) -> dict[int, Rule]:
    """Rows that join units: by hour."""
    found: dict[int, Rule] = {}
    for kind, parts in (("demand", model.balance), ("reserve", model.reserve), ("regulation", model.regulation)):
        for k, rows in enumerate(parts):
            element = "" if len(parts) == 1 else f"scenario {k}"
            found |= {int(row): Rule(kind, element, str(hour)) for hour, row in enumerate(rows)}
    if model.grid is not None:
        names = model.grid.grid.moment.branch_id
        for row, branch, hour in zip(model.grid.rows, model.grid.branch, model.grid.hour, strict=True):
            found[int(row)] = Rule("flow_limit", str(names[int(branch)]), str(int(hour)))
        for row, (_, hour, _) in zip(model.grid.held, model.grid.held_of, strict=True):
            found[int(row)] = Rule("island_balance", "", str(int(hour)))
    return found


def _rule_of(named: list[Rule], touched: IntArray) -> Rule:
    rules = [named[k] for k in touched.tolist() if named[k].element]
    units = sorted({rule.element for rule in rules})
    hours = [int(rule.hour) for rule in rules if rule.hour.isdigit()]
    if len(units) == 1:
        return Rule("unit_rule", units[0], str(max(hours)) if hours else "")
    return Rule("part_rule", ", ".join(units[:3]))
