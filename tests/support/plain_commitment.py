"""The reference model of PGLib-UC, equation by equation, one variable at a time: slow, plain, and nothing of ours."""

from __future__ import annotations

import highspy


def solve_reference(data: dict, *, whole: bool = True) -> float:
    """The optimum of a case given as PGLib-UC's JSON; numbers in brackets are those of its MODEL.pdf.

    Returns infinity where there is none.
    """
    T = data["time_periods"]
    units, renewables = data["thermal_generators"], data["renewable_generators"]
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    h.setOptionValue("mip_rel_gap", 0.0)
    cost, lower, upper, integer = [], [], [], []

    def var(c=0.0, low=0.0, high=float("inf"), binary=False):
        cost.append(c)
        lower.append(low)
        upper.append(1.0 if binary else high)
        integer.append(binary)
        return len(cost) - 1

    rows = []

    def row(terms, low, high):
        merged = {}
        for v, c in terms:
            merged[v] = merged.get(v, 0.0) + c
        rows.append((merged, low, high))

    inf = float("inf")
    hours = range(1, T + 1)
    demand = {t: [] for t in hours}
    reserve = {t: [] for t in hours}
    for g in units.values():
        p_min, p_max = g["power_output_minimum"], g["power_output_maximum"]
        points, tiers = g["piecewise_production"], g["startup"]
        on = g["unit_on_t0"]
        above0 = on * (g["power_output_t0"] - p_min)
        u = {t: var(points[0]["cost"], binary=True) for t in hours}
        v = {t: var(binary=True) for t in hours}
        w = {t: var(binary=True) for t in hours}
        p = {t: var() for t in hours}
        r = {t: var() for t in hours}
        tier = {(s, t): var(part["cost"], binary=True) for s, part in enumerate(tiers) for t in hours}
        share = {
            (k, t): var(point["cost"] - points[0]["cost"], high=1.0) for k, point in enumerate(points) for t in hours
        }
        left_up = g["time_up_minimum"] - g["time_up_t0"] if on else 0
        left_down = 0 if on else g["time_down_minimum"] - g["time_down_t0"]
        for t in hours:
            demand[t] += [(p[t], 1.0), (u[t], p_min)]
            reserve[t].append((r[t], 1.0))
            if t <= left_up:
                lower[u[t]] = 1.0  # (4)
            if t <= left_down:
                upper[u[t]] = 0.0  # (5)
            if g["must_run"]:
                lower[u[t]] = 1.0  # (11)
            logic = [(u[t], 1.0), (v[t], -1.0), (w[t], 1.0)]
            if t == 1:
                row(logic, on, on)  # (6)
            else:
                row([*logic, (u[t - 1], -1.0)], 0.0, 0.0)  # (12)
            up, down = min(g["time_up_minimum"], T), min(g["time_down_minimum"], T)
            if t >= up:
                row([*((v[i], 1.0) for i in range(t - up + 1, t + 1)), (u[t], -1.0)], -inf, 0.0)  # (13)
            if t >= down:
                row([*((w[i], 1.0) for i in range(t - down + 1, t + 1)), (u[t], 1.0)], -inf, 1.0)  # (14)
            row([(v[t], 1.0), *((tier[s, t], -1.0) for s in range(len(tiers)))], 0.0, 0.0)  # (16)
            for s in range(len(tiers) - 1):
                first, end = tiers[s]["lag"], tiers[s + 1]["lag"]
                if t >= end:
                    row([(tier[s, t], 1.0), *((w[t - i], -1.0) for i in range(first, end))], -inf, 0.0)  # (15)
                elif t >= max(1, end - g["time_down_t0"] + 1):
                    upper[tier[s, t]] = 0.0  # (7)
            span = p_max - p_min
            start_loss, stop_loss = max(p_max - g["ramp_startup_limit"], 0), max(p_max - g["ramp_shutdown_limit"], 0)
            row([(p[t], 1.0), (r[t], 1.0), (u[t], -span), (v[t], start_loss)], -inf, 0.0)  # (17)
            if t < T:
                row([(p[t], 1.0), (r[t], 1.0), (u[t], -span), (w[t + 1], stop_loss)], -inf, 0.0)  # (18)
            if t == 1:
                row([(p[t], 1.0), (r[t], 1.0)], -inf, g["ramp_up_limit"] + above0)  # (8)
                row([(p[t], -1.0)], -inf, g["ramp_down_limit"] - above0)  # (9)
                if on:
                    row([(w[t], stop_loss)], -inf, span - above0)  # (10)
            else:
                row([(p[t], 1.0), (r[t], 1.0), (p[t - 1], -1.0)], -inf, g["ramp_up_limit"])  # (19)
                row([(p[t - 1], 1.0), (p[t], -1.0)], -inf, g["ramp_down_limit"])  # (20)
            above = [(share[k, t], -(point["mw"] - p_min)) for k, point in enumerate(points)]
            row([(p[t], 1.0), *above], 0.0, 0.0)  # (21), (22)
            row([(u[t], 1.0), *((share[k, t], -1.0) for k in range(len(points)))], 0.0, 0.0)  # (23)
    for g in renewables.values():
        for t in hours:
            taken = var(low=g["power_output_minimum"][t - 1], high=g["power_output_maximum"][t - 1])  # (24)
            demand[t].append((taken, 1.0))
    for t in hours:
        row(demand[t], data["demand"][t - 1], data["demand"][t - 1])  # (2)
        row(reserve[t], data["reserves"][t - 1], inf)  # (3)
    for c, low, high in zip(cost, lower, upper, strict=True):
        h.addCol(c, low, high, 0, [], [])
    for terms, low, high in rows:
        h.addRow(low, high, len(terms), list(terms), list(terms.values()))
    if whole:
        for k, binary in enumerate(integer):
            if binary:
                h.changeColIntegrality(k, highspy.HighsVarType.kInteger)
    h.run()
    if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return inf
    return float(h.getInfo().objective_function_value)


def random_case(rng, *, units: int = 4, hours: int = 10, tiers: int = 3, reserve: bool = True) -> dict:
    """A small case in PGLib-UC's JSON with everything in it: ramps, tiers, least times, a past, wind."""
    thermal = {}
    for k in range(units):
        p_max = float(rng.integers(20, 100))
        p_min = float(round(p_max * rng.uniform(0.2, 0.6)))
        n = int(rng.integers(2, 5))
        mw = [p_min + (p_max - p_min) * i / (n - 1) for i in range(n)]
        slopes = sorted(rng.uniform(10, 60, n - 1))
        cost = [float(rng.uniform(100, 900))]
        for i in range(n - 1):
            cost.append(cost[-1] + slopes[i] * (mw[i + 1] - mw[i]))
        up, down = int(rng.integers(1, 5)), int(rng.integers(1, 5))
        on = int(rng.random() < 0.6)
        count = int(rng.integers(1, tiers + 1))
        lag, costs = [down], [float(rng.uniform(50, 500))]
        for _ in range(count - 1):
            lag.append(lag[-1] + int(rng.integers(1, 4)))
            costs.append(costs[-1] + float(rng.uniform(50, 800)))
        ramp_up, ramp_down = (float(round(rng.uniform(0.15, 1.2) * (p_max - p_min) + 1)) for _ in range(2))
        # a past that the ramps allow to stop or to go on from
        p_before = p_min + float(rng.integers(0, 2)) * min(ramp_down, p_max - p_min) * 0.5 if on else 0.0
        thermal[f"G{k}"] = {
            "name": f"G{k}",
            "must_run": int(rng.random() < 0.1),
            "power_output_minimum": p_min,
            "power_output_maximum": p_max,
            "ramp_up_limit": ramp_up,
            "ramp_down_limit": ramp_down,
            "ramp_startup_limit": float(rng.choice([p_min, (p_min + p_max) / 2, p_max + 10])),
            "ramp_shutdown_limit": float(rng.choice([p_min, (p_min + p_max) / 2, p_max + 10])),
            "time_up_minimum": up,
            "time_down_minimum": down,
            "power_output_t0": p_before,
            "unit_on_t0": on,
            "time_up_t0": int(rng.integers(1, 6)) if on else 0,
            "time_down_t0": 0 if on else int(rng.integers(1, 12)),
            "startup": [{"lag": a, "cost": c} for a, c in zip(lag, costs, strict=True)],
            "piecewise_production": [{"mw": m, "cost": c} for m, c in zip(mw, cost, strict=True)],
        }
    capacity = sum(g["power_output_maximum"] for g in thermal.values())
    swing = rng.uniform(0.25, 0.75, hours)
    demand = [float(round(capacity * s, 1)) for s in swing]
    wind = [float(round(0.2 * capacity * s, 1)) for s in rng.random(hours)]
    return {
        "time_periods": hours,
        "demand": demand,
        "reserves": [0.04 * d if reserve else 0.0 for d in demand],
        "thermal_generators": thermal,
        "renewable_generators": {
            "wind": {"name": "wind", "power_output_minimum": [0.0] * hours, "power_output_maximum": wind}
        },
    }
