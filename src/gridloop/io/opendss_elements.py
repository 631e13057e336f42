"""Rows of lines, loads, generators, capacitors and sources from what powerio read of an OpenDSS case."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gridloop.io.opendss_parts import Case, Rows, dotted, enabled
from gridloop.io.opendss_source import source_impedance, switch_impedance
from gridloop.io.opendss_values import given, number, numbers
from gridloop.units import ComplexArray

NAN = float("nan")
_POWER, _CURRENT, _IMPEDANCE = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
# Shares z, i, p of active and of reactive power, by the number of OpenDSS's load model.
_MODELS = {
    1: (_POWER, _POWER),
    2: (_IMPEDANCE, _IMPEDANCE),
    3: (_POWER, _IMPEDANCE),
    4: (_CURRENT, _IMPEDANCE),  # its exponents for conservation voltage reduction: 1 and 2 unless written
    5: (_CURRENT, _CURRENT),
    6: (_POWER, _POWER),
    7: (_POWER, _IMPEDANCE),
}
# These meet the range of voltages with the current of constant power, whatever they take inside it.
_CONSTANT_OUTSIDE = {3, 4, 6, 7}


def line_rows(case: Case, rows: Rows) -> None:
    """Lines, switches and series reactors, with the codes that they use."""
    codes = {str(c["name"]).lower(): c for c in case.value.line_codes}
    used: dict[str, None] = {}
    without_unit = 0
    for line in case.value.lines:
        code = str(line["linecode"]).lower()
        used[code] = None
        without_unit += "units" not in line["extras"] and "units" not in codes[code]["extras"]
        rows["line"].append(
            _line(case, line, code, line["length"] / 1000.0, "line")
            | {"i_max_ka": _rating_ka(line["extras"], codes[code]["extras"])}
        )
    if without_unit:
        case.losses.append(
            f"{without_unit} lines have no unit of length, nor has their code: length_km holds thousandths of theirs."
        )
    for code in used:
        c = codes[code]
        z = np.array(c["r_series"]) + 1j * np.array(c["x_series"])
        b = np.array(c["b_from"]) + np.array(c["b_to"])
        rows["line_code"] += _code(code, z * 1000.0, b * 1e9)
    for switch in case.value.switches:
        z1, z0 = switch_impedance(switch["extras"])
        n = len(switch["terminal_map_from"])
        code = f"switch {n} {z1} {z0}" if n > 1 else f"switch 1 {z1}"
        if not any(entry["code"] == code for entry in rows["line_code"]):
            rows["line_code"] += _code(code, _phases(z1, z0, n), np.zeros((n, n)))
        row = _line(case, switch, code, 1.0, "switch")
        rows["line"].append(row | {"closed": not switch["open"], "i_max_ka": _rating_ka(switch["extras"], {})})
    for name, p in case.untyped.get("reactor", {}).items():
        _reactor(case, rows, name, p)


def _line(case: Case, line: dict[str, Any], code: str, length_km: float, kind: str) -> dict[str, Any]:
    tail, head = str(line["bus_from"]).lower(), str(line["bus_to"]).lower()
    return {
        "id": str(line["name"]).lower(),
        "tail_bus": tail,
        "head_bus": head,
        "tail_phases": dotted(case.ends(tail, line["terminal_map_from"])),
        "head_phases": dotted(case.ends(head, line["terminal_map_to"])),
        "code": code,
        "length_km": length_km,
        "kind": kind,
        "closed": True,
        "in_service": enabled(line),
    }


def _reactor(case: Case, rows: Rows, name: str, p: dict[str, str]) -> None:
    """A series reactor as a line of its own code."""
    if "bus1" not in p or "bus2" not in p or not {"r", "x", "z"} & set(p):
        case.losses.append(f"reactor {name} is not modelled: only series reactors with r and x are.")
        return
    r, x = numbers(p["z"])[:2] if "z" in p else (given(p, "r", 0.0), given(p, "x", 0.0))
    n = int(given(p, "phases", 3))
    (tail, *tail_ends), (head, *head_ends) = p["bus1"].lower().split("."), p["bus2"].lower().split(".")
    code = f"reactor {name}"
    rows["line_code"] += _code(code, np.eye(n) * complex(r, x), np.zeros((n, n)))
    each = [str(k + 1) for k in range(n)]
    row = {
        "id": f"reactor {name}",
        "tail_bus": tail,
        "head_bus": head,
        "tail_phases": ".".join(tail_ends or each),
        "head_phases": ".".join(head_ends or each),
        "code": code,
        "length_km": 1.0,
        "kind": "reactor",
        "i_max_ka": _rating_ka(p, {}),
        "closed": True,
        "in_service": enabled({"extras": p}),
    }
    rows["line"].append(row)


def _rating_ka(own: dict[str, Any], of_code: dict[str, Any]) -> float:
    """Normal rating where it is written; OpenDSS's default of 400 A is nobody's rating."""
    return given(own, "normamps", given(of_code, "normamps", NAN)) / 1000.0


def _phases(z1: complex, z0: complex, n: int) -> ComplexArray:
    """Impedance matrix of n phases from sequence values; a single phase has the positive one."""
    if n == 1:
        return np.array([[z1]])
    return np.asarray(np.full((n, n), (z0 - z1) / 3.0) + np.eye(n) * z1)


def _code(code: str, z: Any, b_us: Any) -> list[dict[str, Any]]:
    """Entries at and below the diagonal."""
    return [
        {
            "id": f"{code}:{i + 1}.{j + 1}",
            "code": code,
            "row": i + 1,
            "column": j + 1,
            "r_ohm_per_km": float(z[i, j].real),
            "x_ohm_per_km": float(z[i, j].imag),
            "b_us_per_km": float(b_us[i][j]),
        }
        for i in range(len(z))
        for j in range(i + 1)
    ]


def load_rows(case: Case, rows: Rows) -> None:
    """Loads with their model as shares of impedance, current and power."""
    for load in case.value.loads:
        e, name = load["extras"], str(load["name"]).lower()
        model = int(number(e.get("model", 1)))
        outside = model in _CONSTANT_OUTSIDE
        if model == 8 and "zipv" in e:
            v = numbers(e["zipv"])
            shares_p, shares_q = (v[0], v[1], v[2]), (v[3], v[4], v[5])
            if len(v) > 6 and v[6] > 0:
                case.losses.append(
                    f"load {name}: the voltage below which a ZIP load drops out (zipv[7]) is not modelled"
                )
        elif model in _MODELS:
            shares_p, shares_q = _MODELS[model]
        else:
            shares_p, shares_q = _POWER, _POWER
            case.losses.append(f"load {name}: model {model} is read as constant power")
        lost = [k for k in ("cvrwatts", "cvrvars") if k in e and model == 4]
        if lost:
            case.losses.append(f"load {name}: {' and '.join(lost)} are read as 1 and 2")
        p_w, q_w = _power(load)
        if {"xfkva", "pf"} <= set(e):
            case.losses.append(f"load {name}: xfkva counts with the pf written; OpenDSS's depends on which came first")
        always = model == 2  # a constant impedance has no range to leave
        rows["load"].append(
            _connected(case, load)
            | {
                "p_mw": p_w / 1e6,
                "q_mvar": q_w / 1e6,
                "p_impedance": shares_p[0],
                "p_current": shares_p[1],
                "p_power": shares_p[2],
                "q_impedance": shares_q[0],
                "q_current": shares_q[1],
                "q_power": shares_q[2],
                "v_low_pu": 0.0 if always else given(e, "vminpu", 0.95),
                "v_high_pu": 10.0 if always else given(e, "vmaxpu", 1.05),
                "v_floor_pu": 0.0 if always else given(e, "vlowpu", 0.5),
                "constant_power_outside": outside,
                "profile": str(e.get("yearly", e.get("daily", ""))),
            }
        )


def _power(load: dict[str, Any]) -> tuple[float, float]:
    """Active and reactive power of a load, also where it is written otherwise than in kW. [W, var]

    powerio leaves OpenDSS's default of 10 kW where a load has its apparent power (kva), the rating of its transformer
    and a share of it (xfkva, allocationfactor), or its energy (kwh, kwhdays, cfactor).
    """
    e = load["extras"]
    p_w, q_w = float(sum(load["p_nom"])), float(sum(load["q_nom"]))
    pf = given(e, "pf", 0.88)
    if "kw" in e or not {"kva", "xfkva", "kwh"} & set(e):
        return p_w, q_w
    if "kva" in e:
        p_w = 1000.0 * number(e["kva"]) * abs(pf)
    elif "xfkva" in e:
        p_w = 1000.0 * number(e["xfkva"]) * given(e, "allocationfactor", 0.5) * abs(pf)
    else:
        p_w = 1000.0 * number(e["kwh"]) / (24.0 * given(e, "kwhdays", 30.0)) * given(e, "cfactor", 4.0)
    return p_w, math.copysign(p_w * math.tan(math.acos(abs(pf))), pf)


def generator_rows(case: Case, rows: Rows) -> None:
    """Generators and photovoltaics as constant power."""
    for g in case.value.generators:
        p, q = sum(g["p_nom"]) / 1e6, sum(g["q_nom"]) / 1e6
        limits = {"v_low_pu": given(g["extras"], "vminpu", 0.9), "v_high_pu": given(g["extras"], "vmaxpu", 1.1)}
        rows["generator"].append(_connected(case, g) | {"p_mw": p, "q_mvar": q} | limits)
    for pv in case.value.ibrs:
        kind = "solar" if pv.get("prime_mover") == "PV" else "storage"
        row = _connected(case, pv) | {"p_mw": pv["p_avail"] / 1e6, "q_mvar": 0.0, "kind": kind}
        rows["generator"].append(row | {"id": f"pv {row['id']}"})
        case.losses.append(f"inverter {pv['name']}: its controls are not modelled; it injects what the sun gives")


def _connected(case: Case, element: dict[str, Any]) -> dict[str, Any]:
    """Where a load or generator is connected, and its rated voltage."""
    e, bus = element["extras"], str(element["bus"]).lower()
    ends = case.ends(bus, element["terminal_map"])
    delta = str(e.get("conn", "wye")).lower().startswith(("d", "l"))
    n = int(number(e.get("phases", 3)))
    # One phase between two terminals has no neutral: it is a delta of one branch.
    single = n == 1 and len(ends) == 2
    return {
        "id": str(element["name"]).lower(),
        "bus": bus,
        "phases": dotted(ends),
        "connection": "delta" if delta or single else "wye",
        "v_rated_kv": number(e["kv"]) if "kv" in e else 12.47,
        "in_service": enabled(element),
    }


def capacitor_rows(case: Case, rows: Rows) -> None:
    """Capacitors, and reactors to ground as negative ones."""
    for c in case.value.shunts:
        e, bus, b = c["extras"], str(c["bus"]).lower(), np.array(c["b"])
        if np.any(np.array(c["g"])) or "kv" not in e or "kvar" not in e:
            case.losses.append(f"shunt {c['name']} is not modelled: only those with kv and kvar and no losses are")
            continue
        delta = str(e.get("conn", "wye")).lower().startswith(("d", "l"))
        q_mvar = sum(numbers(e["kvar"])) / 1000.0 if not isinstance(e["kvar"], float) else e["kvar"] / 1000.0
        rows["capacitor"].append(
            {
                "id": str(c["name"]).lower(),
                "bus": bus,
                "phases": dotted(case.ends(bus, c["terminal_map"])),
                "connection": "delta" if delta else "wye",
                "q_mvar": q_mvar if b[0, 0] >= 0 else -q_mvar,
                "v_rated_kv": number(e["kv"]),
                "in_service": enabled(c),
            }
        )


def source_rows(case: Case, rows: Rows) -> None:
    """Voltage sources with the impedance behind which they hold their voltage."""
    for s in case.value.voltage_sources:
        e, bus = s["extras"], str(s["bus"]).lower()
        v_kv = number(e["basekv"])
        z1, z0 = source_impedance(e, v_kv)
        rows["source"].append(
            {
                "id": str(s["name"]).lower(),
                "bus": bus,
                "phases": dotted([t for t in case.ends(bus, s["terminal_map"]) if t]),
                "v_rated_kv": v_kv,
                "v_set_pu": given(e, "pu", 1.0),
                "angle_deg": given(e, "angle", 0.0),
                "r1_ohm": z1.real,
                "x1_ohm": z1.imag,
                "r0_ohm": z0.real,
                "x0_ohm": z0.imag,
                "in_service": enabled(s),
            }
        )
