"""Why the decisions in common are what they are, and every scenario's plan with these reasons in it.

At the optimum a decision in common weighs the mean of what energy is worth against the mean of what it is worth to the
device, each scenario by how much it counts. These means are the duals of the large program summed over the scenarios:
read as the duals of one schedule they give the reason, by the same rules as everywhere.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from gridloop.optimize.devices.group import SMALLEST_SHARE, LocalPrices, Quantity
from gridloop.optimize.plan import Plan, plan_table
from gridloop.optimize.problems.rounds import End
from gridloop.optimize.robust.program import Program, Solved
from gridloop.optimize.solve import Outcome
from gridloop.units import FloatArray


def common_table(program: Program, solved: Solved, steps: int) -> pd.DataFrame:
    """Rows of the decisions in common, for the first intervals."""
    alike = all(
        np.array_equal(block.columns, program.blocks[0].columns) and np.array_equal(block.rows, program.blocks[0].rows)
        for block in program.blocks
    )
    if alike:
        at, outcome = 0, _mean(program, solved)
    else:  # vehicles that come in some scenarios only: the one that counts most speaks for all
        at = int(np.argmax(solved.counts))
        outcome = solved.outcomes[at]
    problem = program.blocks[at].problem
    mixed = alike and program.on_network
    prices = _mean_prices(program, solved) if mixed else problem.local_prices(outcome)
    for kind, dual in solved.limit_dual.items():
        effect = (-dual if kind == "import_limit" else dual) / problem.horizon.hours
        shown = np.abs(effect) > SMALLEST_SHARE
        word = np.where(shown, f"{kind}:{problem.connection.connection.id}", "").astype(object)
        prices = prices.with_common_limit(word, np.where(shown, effect, 0.0))
    read: list[tuple[str, Quantity]] = []
    for group in problem.groups:
        read.extend((group.kind, quantity) for quantity in group.read(outcome, prices))
    table = plan_table(program.horizon, read)
    wanted, whose = set(program.in_common()), zip(table["kind"], table["quantity"], table["device"], strict=True)
    mine = np.array([key in wanted for key in whose], dtype=bool)
    first = table["valid_at"].isin(program.horizon.starts[:steps])
    return table[mine & first].reset_index(drop=True)


def plans(program: Program, solved: Solved, table: pd.DataFrame, names: list[str]) -> dict[str, Plan]:
    """Every scenario's whole plan; what is decided in common has the reason of the common decision."""
    found = {}
    for name, block, outcome in zip(names, program.blocks, solved.outcomes, strict=True):
        plan = block.problem.plan(End(outcome, solved.rounds, solved.seconds, solved.settled), block.costs)
        found[name] = replace(plan, table=_with_reasons(plan.table, table))
    return found


def _with_reasons(own: pd.DataFrame, common: pd.DataFrame) -> pd.DataFrame:
    by, told = ["kind", "quantity", "device", "valid_at"], ["reason", "binding", "shadow_price"]
    place = pd.MultiIndex.from_frame(own[by]).get_indexer(pd.MultiIndex.from_frame(common[by]))
    own = own.copy()
    for name in told:
        values = own[name].to_numpy(copy=True)
        values[place] = common[name].to_numpy()
        own[name] = values
    return own


def _mean_prices(program: Program, solved: Solved) -> LocalPrices:
    """Worth of energy at every bus over the scenarios, by how much each counts.

    The limit that is named has the largest share in any of them.
    """
    each = [block.problem.local_prices(outcome) for block, outcome in zip(program.blocks, solved.outcomes, strict=True)]
    counts = solved.counts

    def mean(name: str) -> FloatArray:
        return np.asarray(sum(m * getattr(one, name) for m, one in zip(counts, each, strict=True)))

    shares = np.stack([m * one.limit_share for m, one in zip(counts, each, strict=True)])
    largest = np.argmax(np.abs(shares), axis=0)[None]
    names = np.stack([one.limit for one in each])
    q_effects = np.stack([m * one.q_limit_effect for m, one in zip(counts, each, strict=True)])
    q_names = np.stack([one.q_limit for one in each])
    q_largest = np.argmax(np.abs(q_effects), axis=0)[None]
    return replace(
        each[0],
        energy=mean("energy"),
        p=mean("p"),
        q=mean("q"),
        limit_effect=mean("limit_effect"),
        q_limit_effect=mean("q_limit_effect"),
        limit=np.take_along_axis(names, largest, axis=0)[0],
        limit_share=np.take_along_axis(shares, largest, axis=0)[0],
        q_limit=np.take_along_axis(q_names, q_largest, axis=0)[0],
    )


def _mean(program: Program, solved: Solved) -> Outcome:
    """Values by weight, and duals by how much each scenario counts, as if they were one schedule's."""
    first, w, m = solved.outcomes[0], program.weights, solved.counts
    everyone = solved.outcomes
    own = program.blocks[0].columns.size  # behind them stands what each scenario's own limits exceed
    return replace(
        first,
        objective=float(w @ solved.costs),
        _x=np.asarray(sum(share * outcome._x[:own] for share, outcome in zip(w, everyone, strict=True))),
        _reduced_cost=np.asarray(sum(share * o._reduced_cost[:own] for share, o in zip(m, everyone, strict=True))),
        _dual=np.asarray(sum(share * o._dual for share, o in zip(m, everyone, strict=True))),
    )
