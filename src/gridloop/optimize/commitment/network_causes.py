"""Why a network cannot carry any commitment: where the least load has to go without, and which limits stand before it.

The relaxed model with two more injectors at every bus, one that helps and one that takes, of which as little as can be
is used; nothing else has a price. Its price at a bus then says how much of one more MW there would go without: 1 within
a pocket that is short, 0 where it can be had.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from gridloop.errors import listed
from gridloop.optimize.commitment.model import CommitmentModel
from gridloop.optimize.commitment.network_result import bus_prices
from gridloop.optimize.commitment.network_rows import GridRows, grown, known_to
from gridloop.optimize.commitment.program import Program
from gridloop.optimize.commitment.shrink import shrink
from gridloop.units import BASE_MVA, FloatArray, IntArray

_LEAST_MW = 1e-4  # less than this is rounding of the solver
_LIMIT_S = 60.0
# A bus is in the pocket where it would lack more than this of a further MW.
_INSIDE = 0.5


def network_causes(model: CommitmentModel) -> tuple[list[str], dict[str, object]]:
    """Sentences by hour, the worst first, and their numbers; nothing where the relaxed network carries it all."""
    if model.grid is None:
        return [], {}
    helped, columns = _with_help(model)
    while True:
        part = shrink(helped.program, helped.kept_rows(*helped.balance))
        if part.infeasible:
            return [], {}
        relaxed = part.session(integer=False).relax(time_limit_s=_LIMIT_S)
        if not relaxed.solved:
            return [], {}
        x = part.whole(relaxed.x)
        more = grown(helped, x)
        if more is None:
            break
        helped = more
    dual = np.zeros(helped.program.a.shape[0])
    dual[part.rows] = relaxed.row_dual
    found = []
    facts: dict[str, object] = {}
    for s, (short, over) in enumerate(columns):
        for t in range(model.arrays.hours):
            lacks, has = float(x[short[:, t]].sum()), float(x[over[:, t]].sum())
            if max(lacks, has) > _LEAST_MW:
                text, fact = _said(helped, dual, s, t, lacks, has)
                found.append((max(lacks, has), text))
                facts.setdefault(str(t), fact)
    found.sort(key=lambda item: -item[0])
    sentences = list(dict.fromkeys(text for _, text in found))
    return sentences, {"kind": "network", "network": facts} if sentences else {}


def _said(
    model: CommitmentModel, dual: FloatArray, s: int, t: int, lacks: float, has: float
) -> tuple[str, dict[str, object]]:
    """What is to be said of one hour."""
    grid = model.grid
    assert grid is not None
    moment, dc = grid.grid.moment, grid.grid.dc
    price = bus_prices(model, grid, dual, s)[:, t] * (1.0 if lacks >= has else -1.0)
    inside = [str(moment.bus[n]) for n in np.flatnonzero(price > _INSIDE).tolist()]
    here = np.flatnonzero((grid.scenario == s) & (grid.hour == t) & (np.abs(dual[grid.rows]) > 1e-6))
    here = here[np.argsort(-np.abs(dual[grid.rows[here]]), kind="stable")]
    limits, after = [], []
    for k in here.tolist():
        b, out = int(grid.branch[k]), int(grid.outage[k])
        high, low = (dc.high, dc.low) if out < 0 or dc.outages is None else (dc.outages.high, dc.outages.low)
        limit = BASE_MVA * float(high[b] if dual[grid.rows[k]] < 0 else -low[b])
        lost = "" if out < 0 else f" after the loss of {moment.branch_id[out]}"
        limits.append(f"{moment.branch_id[b]} ({limit:,.6g} MW{lost})")
        after.append({"branch": str(moment.branch_id[b]), "outage": "" if out < 0 else str(moment.branch_id[out]),
                      "limit_mw": limit, "served_per_mw": abs(float(dual[grid.rows[k]]))})  # fmt: skip
    one = len(inside) == 1
    by, what = (lacks, "lacks" if one else "lack") if lacks >= has else (has, "cannot get rid of")
    where = f"bus {inside[0]}" if one else f"{len(inside)} buses ({listed(inside)})"
    told = f"hour {t}: {where} {what} {by:,.6g} MW"
    told += f"; in the way stand the limits of {listed(limits)}." if limits else ", whatever is committed."
    fact: dict[str, object] = {
        "short_mw": lacks if lacks >= has else 0.0, "over_mw": has if has > lacks else 0.0, "buses": inside,
        "limits": after,
    }  # fmt: skip
    return told, fact


def _with_help(model: CommitmentModel) -> tuple[CommitmentModel, list[tuple[IntArray, IntArray]]]:
    """The model without limits and costs, and with help at every node; the columns of it [node, hour], by scenario."""
    bare = _without_limits(model)
    grid, p = bare.grid, bare.program
    assert grid is not None
    n, hours = grid.grid.moment.n, model.arrays.hours
    at, columns, scenarios = p.a.shape[1], [], []
    rows, entries, values = [], [], []
    for s, one in enumerate(grid.scenarios):
        short = np.arange(at, at + n * hours).reshape(n, hours)
        over = short + n * hours
        at += 2 * n * hours
        columns.append((short, over))
        nodes = np.arange(n)
        node = np.concatenate([one.node, nodes, nodes])
        scenarios.append(
            replace(
                one,
                column=np.concatenate([one.column, short, over]),
                sign=np.concatenate([one.sign, np.ones(n), -np.ones(n)]),
                node=node,
                limits=[replace(limit, node=node) for limit in one.limits],
            )
        )
        for of, sign in ((short, 1.0), (over, -1.0)):
            rows.append(np.tile(model.balance[s], n))
            entries.append(of.ravel())
            values.append(np.full(n * hours, sign))
            for row, (scenario, hour, reference) in zip(grid.held, grid.held_of, strict=True):
                if scenario == s:
                    rows.append(np.full(n, row))
                    entries.append(of[:, hour])
                    values.append(sign * grid.grid.dc.share[reference])
    more = at - p.a.shape[1]
    old = p.a.tocoo()
    a = sp.csr_matrix(
        (
            np.concatenate([old.data, *values]),
            (np.concatenate([old.row, *rows]), np.concatenate([old.col, *entries])),
        ),
        shape=(p.a.shape[0], at),
    )
    helped = Program(
        a,
        np.concatenate([np.zeros(p.cost.size), np.ones(more)]),
        np.concatenate([p.lower, np.zeros(more)]),
        np.concatenate([p.upper, np.full(more, np.inf)]),
        p.row_lower, p.row_upper,
        np.concatenate([p.integer, np.zeros(more, dtype=bool)]),
    )  # fmt: skip
    return replace(bare, program=helped, grid=known_to(replace(grid, scenarios=scenarios), helped)), columns


def _without_limits(model: CommitmentModel) -> CommitmentModel:
    """The model as it was before limits became rows; they are the last of its rows."""
    grid, p = model.grid, model.program
    assert grid is not None
    first = int(grid.rows.min(initial=p.a.shape[0]))
    program = Program(
        sp.csr_matrix(p.a[:first]), p.cost, p.lower, p.upper, p.row_lower[:first], p.row_upper[:first], p.integer
    )
    none = np.zeros(0, dtype=np.int64)
    bare: GridRows = replace(grid, rows=none, scenario=none, hour=none, branch=none, outage=none)
    return replace(model, program=program, grid=known_to(bare, program))
