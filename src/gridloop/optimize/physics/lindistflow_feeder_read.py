"""An outcome of multiphase LinDistFlow as tables, with the price of power at every node.

Every row of the model is Re(l V) ≤ … with a functional l of the voltages, and what is drawn at node i, s, moves the
voltages by −Z conj(s / V⁰). With the multipliers μ of the rows, L = Σ μ l and y = Zᵀ L, one substitution:

    price of p at i = Re(y_i conj(1 / V⁰_i))        price of q at i = Im(y_i conj(1 / V⁰_i))

The rows of the sources alone give the energy part, those of voltages and currents the rest.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.optimize.explain_flow import cost_per_h, reasons
from gridloop.optimize.physics.answer_tables import NO_PRICE
from gridloop.optimize.physics.lindistflow_ac import AcCheck, compared
from gridloop.optimize.physics.lindistflow_cuts import BAND, CutOutcome
from gridloop.optimize.physics.lindistflow_feeder import SCALE, FeederMoment
from gridloop.optimize.physics.lindistflow_feeder_model import FeederLinDistFlow, FeederModel, limits
from gridloop.optimize.physics.lindistflow_feeder_result import BUS, LINE, FeederOptimalFlow, without_feeder_answer
from gridloop.optimize.physics.lindistflow_read import no_answer
from gridloop.powerflow.feeder.arrays import FeederArrays, build_feeder_arrays
from gridloop.powerflow.feeder.control import ControlledSolution
from gridloop.powerflow.feeder.elements import branch_tables
from gridloop.powerflow.feeder.flow import tables_of
from gridloop.powerflow.feeder.nodes import GROUND
from gridloop.powerflow.feeder.plain import FeederSolution, FeederSolver
from gridloop.units import BASE_MVA, ComplexArray, FloatArray


def read_feeder_flow(
    physics: FeederLinDistFlow, model: FeederModel, outcome: CutOutcome, build_s: float
) -> FeederOptimalFlow:
    """The answer, or why there is none."""
    m, linear, x = model.moment, model.grid, outcome.x
    if outcome.status != "optimal":
        element = {
            "p": m.gen_id, "q": m.gen_id,
            "source_balance": m.gen_id[m.source_row >= 0], "source_reactive": m.gen_id[m.source_row >= 0],
        }  # fmt: skip
        diagnosis = no_answer(model, outcome, element, [])
        return without_feeder_answer(
            m.feeder, outcome.status, diagnosis, build_s=build_s, solve_s=outcome.seconds, iterations=outcome.iterations
        )
    machines = model.machines
    p, q = x[model.p], x[model.q]
    v = linear.voltage(p[machines], q[machines])
    w = linear.squared(v)
    bus, price, congestion = _buses(model, outcome, v, w)
    generator = _generators(model, outcome, p, q, price, congestion)
    line, conductor, losses_mw = _lines(model, outcome, v)
    return FeederOptimalFlow(
        feeder=m.feeder,
        physics=physics.name,
        status="optimal",
        cost=float(cost_per_h(m, p).sum()),  # type: ignore[arg-type]  # it reads costs alone, which both moments have
        generator=generator,
        bus=bus,
        line=line,
        conductor=conductor,
        losses_mw=losses_mw,
        taps=m.taps,
        ac_check=feeder_ac_check(m, generator, bus["v_pu"]) if physics.compare else None,
        build_s=build_s,
        solve_s=outcome.seconds,
        iterations=outcome.iterations,
        violations_max_pu=_violation(model, p, q, w),
    )


def ac_solution(m: FeederMoment, generator: pd.DataFrame) -> tuple[FeederArrays, FeederSolution]:
    """The AC flow of the feeder at these outputs of its machines (p_mw, q_mvar by id) and the moment's taps."""
    own = generator.loc[m.gen_id[m.gen_row >= 0], ["p_mw", "q_mvar"]]
    given = {str(i): {"p_mw": row.p_mw, "q_mvar": row.q_mvar} for i, row in own.iterrows()}
    arrays = build_feeder_arrays(m.feeder.edit("generator", given) if given else m.feeder)
    return arrays, FeederSolver(arrays, m.taps).solve()


def feeder_ac_check(m: FeederMoment, generator: pd.DataFrame, v_pu: pd.Series) -> AcCheck:
    """Linear voltages beside those of the AC flow."""
    arrays, solution = ac_solution(m, generator)
    resting = ControlledSolution(solution, 0, True, np.zeros(m.taps.size, dtype=np.int64))
    return compared(tables_of(arrays, resting), v_pu)


def _violation(model: FeederModel, p: FloatArray, q: FloatArray, w: FloatArray) -> float:
    """Largest violation of a limit or of what a source gives, from the voltages rather than the rows. Per unit"""
    m, linear, machines = model.moment, model.grid, model.machines
    low, high = limits(m)
    at, size = model.voltage_at, np.sqrt(np.maximum(w, 0.0))
    sources = np.flatnonzero(m.source_row >= 0)
    owner = dict(zip(m.arrays.source.tolist(), m.arrays.source_row.tolist(), strict=True))
    rows = np.array([owner[int(h)] for h in linear.held])
    given = linear.injected(p[machines], q[machines])
    off = [given[rows == m.source_row[s]].sum() - (p[s] + 1j * q[s]) for s in sources]
    over = [
        np.abs(np.array(off)), low[at] - size[at], size[at] - high[at], p - m.p_max, m.p_min - p, q - m.q_max,
        m.q_min - q, np.hypot(p, q) - m.s_rated,
    ]  # fmt: skip
    if model.lines is not None:  # kA at about the nominal voltage, as a share of 100 MVA
        kv = m.arrays.v_base_kv.max(initial=1.0)
        x = np.zeros(model.n_columns)
        x[model.p], x[model.q] = p, q
        over.append(model.lines.excess(x) * kv / BASE_MVA)
    return max(float(np.max(part, initial=0.0)) for part in over)


def _functionals(model: FeederModel, o: CutOutcome) -> tuple[ComplexArray, ComplexArray]:
    """y of the sources' rows and of all limits. [node]"""
    m, linear = model.moment, model.grid
    energy, limit = np.zeros(m.arrays.n_nodes, dtype=complex), np.zeros(m.arrays.n_nodes, dtype=complex)
    owner = dict(zip(m.arrays.source.tolist(), m.arrays.source_row.tolist(), strict=True))
    place = {int(row): k for k, row in enumerate(m.source_row[m.source_row >= 0].tolist())}
    at_held = np.zeros(m.arrays.n_nodes, dtype=complex)
    for h in linear.held.tolist():
        k = place[owner[h]]
        mu = o.row_dual[model.source_p[k]] + 1j * o.row_dual[model.source_q[k]]
        at_held[h] = mu * np.conj(linear.v0[h])  # what is drawn there comes out of the source at once
        energy -= mu * np.conj(linear.v0[h]) * linear.y[[h]].toarray()[0] / SCALE
    limit[model.voltage_at] += model.band_duals(o.row_dual) * 2 * np.conj(linear.v0[model.voltage_at])
    for (k, c, angle), mu in zip(model.cut, o.row_dual[model.n_rows :].tolist(), strict=True):
        if k != BAND and model.circles[k] is model.lines and mu != 0.0:
            limit += mu * np.exp(-1j * angle) * model.current[[c]].toarray()[0]
    return SCALE * linear.adjoint(energy) + at_held, SCALE * linear.adjoint(limit)


def _buses(
    model: FeederModel, o: CutOutcome, v: ComplexArray, w: FloatArray
) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """The table, and price and congestion at every generator. [gen], money per MWh"""
    m, linear, a = model.moment, model.grid, model.moment.arrays
    energy, limit = _functionals(model, o)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = [part * np.conj(1 / linear.v0) / BASE_MVA for part in (energy, limit)]
    room = np.zeros(a.n_nodes)
    room[model.voltage_at] = np.abs(model.band_duals(o.row_dual)) * 2 * np.sqrt(np.maximum(w[model.voltage_at], 0.0))
    there, dark = a.bus_of >= 0, ~a.supplied | linear.neutral()
    values = [
        np.sqrt(np.maximum(w, 0.0)), np.rad2deg(np.angle(v)), (worth[0] + worth[1]).real, worth[0].real, worth[1].real,
        (worth[0] + worth[1]).imag, room,
    ]  # fmt: skip
    index = pd.MultiIndex.from_arrays([m.feeder.bus.index[a.bus_of[there]], a.phase[there]], names=["bus", "phase"])
    columns = {}
    for name, value in zip(BUS, values, strict=True):
        found = value.copy()
        found[dark] = np.nan
        columns[name] = found[there]
    per_gen = []
    for part in (energy + limit, limit):
        of_source = np.zeros(m.gen_id.size)
        of_source[model.machines] = np.real(part @ linear.drive) / SCALE / BASE_MVA
        per_gen.append(of_source)
    sources = np.flatnonzero(m.source_row >= 0)
    per_gen[0][sources] = o.row_dual[model.source_p] / BASE_MVA
    return pd.DataFrame(columns, index=index), per_gen[0], per_gen[1]


def _generators(
    model: FeederModel, o: CutOutcome, p: FloatArray, q: FloatArray, price: FloatArray, congestion: FloatArray
) -> pd.DataFrame:
    m = model.moment
    code, binding, shadow = reasons(m, p, price, congestion)  # type: ignore[arg-type]  # costs and limits alone
    for g, word in enumerate(code):
        if word.startswith("constrained") and not binding[g]:
            binding[g] = _heaviest(model, o, g)
    data = {"p_mw": p * BASE_MVA, "q_mvar": q * BASE_MVA, "cost_per_h": cost_per_h(m, p)}  # type: ignore[arg-type]
    found = pd.DataFrame({**data, "reason": code, "binding": binding, "shadow_price": shadow}, index=m.gen_id)
    table = found.reindex(m.feeder.generator.index.append(m.gen_id[m.gen_row < 0]))
    table[["reason", "binding"]] = table[["reason", "binding"]].fillna("")
    return table


def _heaviest(model: FeederModel, o: CutOutcome, g: int) -> str:
    """The limit that weighs most in the price at a generator: the node whose voltage, or the line whose current."""
    m, linear = model.moment, model.grid
    column = int(np.flatnonzero(model.machines == g)[0]) if g in model.machines else -1
    at, dual = model.voltage_at, model.band_duals(o.row_dual)
    per = 2 * np.real(np.conj(linear.v0[at]) * linear.moved[at, column]) if column >= 0 else np.ones(at.size)
    weight, names = np.abs(dual * per), m.arrays.node_names
    best, said = float(weight.max(initial=0.0)), ""
    if best > 0:
        k = int(np.argmax(weight))
        said = f"voltage_{'low' if dual[k] > 0 else 'high'}:{names[at[k]]}"
    for some, price in zip(model.circles, model.circle_duals(o.row_dual), strict=True):
        if some is not model.lines or not price.size:
            continue
        per = np.abs(model.of_outputs(model.current)[:, column]) if column >= 0 else np.ones(price.size)
        if float((price * per).max()) > best:
            best, said = float((price * per).max()), f"loading:{some.element[int(np.argmax(price * per))]}"
    return said if best > NO_PRICE else ""


def _lines(model: FeederModel, o: CutOutcome, v: ComplexArray) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Lines and conductors at the linear voltages, and losses there. [MW]"""
    m, a = model.moment, model.moment.arrays
    v_kv = v * a.v_base_kv
    line, conductor, _, losses_mw = branch_tables(a, v_kv, m.taps)
    line["shadow_price_per_ka"] = np.nan
    if model.lines is not None:
        total = np.zeros(len(line))
        duals = model.circle_duals(o.row_dual)[[s is model.lines for s in model.circles].index(True)]
        np.add.at(total, model.lines.place, duals)
        line["shadow_price_per_ka"] = np.where(m.feeder.line["i_max_ka"].notna(), total, np.nan)
    entering = {}
    for group in a.groups:
        if group.table == "line":
            u = np.where(group.nodes == GROUND, 0.0, v_kv[group.nodes])
            half = u.shape[1] // 2
            s = (u * np.conj(np.einsum("eij,ej->ei", group.y, u)))[:, :half]
            for e, row in enumerate(group.row.tolist()):
                entering.update({(m.feeder.line.index[row], k + 1): s[e, k] for k in range(half)})
    s = np.array([entering[key] for key in conductor.index], dtype=complex)
    conductor.insert(0, "p_tail_mw", s.real)
    conductor.insert(1, "q_tail_mvar", s.imag)
    return line[LINE], conductor, losses_mw
