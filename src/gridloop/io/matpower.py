"""MATPOWER `.m` files, and the other balanced transmission formats that powerio reads, into networks.

A branch without tap, without shift and between equal voltages is a line of 1 km; every other one is a transformer with
impedances on the system base. Ids: a bus keeps its number; "line-4" and "transformer-8" carry the branch's row in the
file, from 1; "gen-2" the generator's; "load-5", "shunt-9" the bus. The reference bus becomes a source that gives an
optimization no power of its own; the generators at it stay. An HVDC line becomes the two generators that MATPOWER's own
power flow makes of it, "hvdc-1-tail" and "hvdc-1-head": what one end takes and the other gives, as scheduled, at the
voltages that its converters hold.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import powerio

from gridloop.errors import BadInput, MissingFile, UnknownFormat, listed
from gridloop.io import matpower_text
from gridloop.network.model import Network
from gridloop.units import SQRT3

# MATPOWER, PSS/E, PowerWorld, PSLF: the formats whose round trip through powerio keeps every admittance and injection
# that they can express (tests/io/test_matpower.py). powerio reads UCTE too, but that format rounds.
FORMATS = ".m (MATPOWER), .raw (PSS/E), .aux (PowerWorld), .epc (PSLF)"
ENDINGS = (".m", ".raw", ".aux", ".epc")

# Angle limits of this many degrees or more limit nothing.
_TURN = 360.0

_KINDS = {"hydro": "hydro", "wind": "wind", "solar": "solar", "thermal": "thermal", "nuclear": "thermal"}


def read_matpower(path: str | Path, *, owner: str = "operator") -> Network:
    """A network from a MATPOWER `.m`, PSS/E `.raw`, PowerWorld `.aux` or PSLF `.epc` file.

    Costs given as piecewise linear curves come as `cost_points`; storage and three-winding transformers raise, and so
    does a MATPOWER file whose statements change its numbers in a way that is not read.
    Raises `MissingFile`, `UnknownFormat`, `BadInput`.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingFile(f"no file {str(file)!r}; check the path.", path=str(file))
    try:
        module = _parsed(file)
    except ValueError as error:
        raise UnknownFormat(
            f"{str(file)!r} is not readable as a {file.suffix} case: {error}. Readable are {FORMATS}.",
            path=str(file),
        ) from error
    _refuse_unread_statements(file, module)
    return from_balanced(module.value, name=module.value.name or file.stem, owner=owner)


def _parsed(file: Path) -> Any:
    """powerio's module. The text of a `.m` file is made plain first, where that changes anything."""
    if file.suffix.lower() != ".m":
        return powerio.parse(str(file))
    text = file.read_text(encoding="utf-8", errors="replace")
    plain = matpower_text.plain(text)
    if plain == text:
        return powerio.parse(str(file))
    return powerio.parse(io.StringIO(plain), format="matpower", name=file.stem)


def _refuse_unread_statements(file: Path, module: Any) -> None:
    """powerio says so where a statement would change numbers and it left them: they are in another unit, or others."""
    said = [d for d in module.diagnostics if d.code == "READ.MATPOWER.INDEXED_ASSIGNMENT"]
    if said:
        raise BadInput(
            f"{str(file)!r} ends in {len(said)} statements that change its numbers, and they are not all read, so that "
            "impedances or loads would be wrong. Write the case out with MATPOWER's `savecase`, and read that file.",
            path=str(file),
            statements=len(said),
        )


def from_balanced(case: Any, *, name: str, owner: str = "operator") -> Network:
    """A network from powerio's balanced model."""
    _refuse_what_is_lost(case)
    base_mva = float(case.base_mva)
    # Each of these lists is made anew, in Python's words, whenever it is asked for.
    case_buses, generators = case.buses, case.generators
    buses = {int(b["id"]): b for b in case_buses}
    # A base of 0 kV means that the file speaks per unit only.
    kv = {number: float(b["base_kv"]) or 1.0 for number, b in buses.items()}
    branches: dict[str, list[dict[str, Any]]] = {"line": [], "transformer": []}
    end_shunts = []
    for row, branch in enumerate(case.branches, start=1):
        v_tail, v_head = kv[int(branch["from_id"])], kv[int(branch["to_id"])]
        kind = "line" if _is_line(branch) and v_tail == v_head else "transformer"
        made = (
            _line(row, branch, v_tail, base_mva)
            if kind == "line"
            else _transformer(row, branch, v_tail, v_head, base_mva)
        )
        branches[kind].append(made)
        end_shunts.append(_end_shunt(row, branch, kind, base_mva))
    loads = ({"at": d["bus"], "p_mw": d["p"], "q_mvar": d["q"], "in_service": d["in_service"]} for d in case.loads)
    shunts = ({"at": s["bus"], "g_mw": s["g"], "b_mvar": s["b"], "in_service": s["in_service"]} for s in case.shunts)
    tables = {
        "bus": [_bus(b, kv[int(b["id"])]) for b in case_buses],
        **branches,
        "load": _numbered("load", loads),
        "generator": [
            *(_generator(row, g, buses) for row, g in enumerate(generators, start=1)),
            *(end for row, line in enumerate(case.hvdc, start=1) for end in _hvdc(row, line)),
        ],
        "shunt": [*_numbered("shunt", shunts), *(shunt for shunt in end_shunts if shunt)],
        "source": [_source(b, generators) for b in case_buses if b["kind"] == "REF"],
    }
    return Network.from_tables(tables, name=name, owner=owner)


def _refuse_what_is_lost(case: Any) -> None:
    lost = [
        f"{count} {what}"
        for count, what in (
            (case.n_storage, "storage units"),
            (case.n_transformers_3w, "three-winding transformers"),
            (case.n_static_var_compensators, "static var compensators"),
            (case.n_switches, "switches"),
        )
        if count
    ]
    if lost:
        raise BadInput(
            f"the case holds what this reader cannot bring across yet: {listed(lost)}. Replace them by lines, "
            "transformers, generators and loads, or remove them from the file.",
            lost=lost,
        )


def _is_line(branch: Any) -> bool:
    # Tap 0 is the format's way of saying "no transformer"; a tap of 1 is a transformer at its rated ratio.
    return bool(branch["tap"] == 0.0 and branch["shift"] == 0.0 and branch["control"] is None)


def _bus(bus: Any, v_nom_kv: float) -> dict[str, Any]:
    return {
        "id": str(bus["id"]),
        "v_nom_kv": v_nom_kv,
        "v_min_pu": bus["vmin"],
        "v_max_pu": bus["vmax"],
        "zone": str(bus["zone"]),
        "in_service": bus["kind"] != "ISOLATED",
    }


def _end_shunt(row: int, branch: Any, kind: str, base_mva: float) -> dict[str, Any] | None:
    """What the tail of a branch has more in shunt admittance than its head, as a shunt at the tail's bus.

    Our branches have half of their admittance at each end; PSS/E puts a transformer's magnetising all at its tail.
    That end sits behind the tap: seen from the bus it is divided by the square of the ratio.
    """
    scale = base_mva / (branch["tap"] or 1.0) ** 2
    g, b = branch["g_fr"] - branch["g_to"], branch["b_fr"] - branch["b_to"]
    if g == 0 and b == 0:
        return None
    return {
        "id": f"shunt-{kind}-{row}",
        "name": f"magnetising of {kind}-{row}",
        "bus": str(branch["from_id"]),
        "g_mw": g * scale,
        "b_mvar": b * scale,
        "in_service": branch["in_service"],
    }


def _line(row: int, branch: Any, v_nom_kv: float, base_mva: float) -> dict[str, Any]:
    base_ohm = v_nom_kv**2 / base_mva
    g, b = 2 * branch["g_to"], 2 * branch["b_to"]
    return {
        "id": f"line-{row}",
        "name": branch["name"] or "",
        "tail_bus": str(branch["from_id"]),
        "head_bus": str(branch["to_id"]),
        "length_km": 1.0,
        "r_ohm_per_km": branch["r"] * base_ohm,
        "x_ohm_per_km": branch["x"] * base_ohm,
        "g_us_per_km": g / base_ohm * 1e6,
        "b_us_per_km": b / base_ohm * 1e6,
        "i_max_ka": (branch["rate_a"] or math.nan) / (SQRT3 * v_nom_kv),
        **_angles(branch),
        "in_service": branch["in_service"],
    }


def _transformer(row: int, branch: Any, v_tail: float, v_head: float, base_mva: float) -> dict[str, Any]:
    g, b = 2 * branch["g_to"], 2 * branch["b_to"]
    return {
        "id": f"transformer-{row}",
        "name": branch["name"] or "",
        "tail_bus": str(branch["from_id"]),
        "head_bus": str(branch["to_id"]),
        "s_rated_mva": base_mva,
        "v_tail_kv": (branch["tap"] or 1.0) * v_tail,
        "v_head_kv": v_head,
        "r_pu": branch["r"],
        "x_pu": branch["x"],
        "g_pu": g,
        "b_pu": b,
        "shift_deg": branch["shift"],
        "s_max_mva": branch["rate_a"] or math.nan,
        **_angles(branch),
        "in_service": branch["in_service"],
    }


def _angles(branch: Any) -> dict[str, float]:
    """Limits of the angle across a branch; missing where the format says "none": both zero, or a whole turn."""
    low, high = float(branch["angmin"]), float(branch["angmax"])
    none = low == 0.0 == high
    return {
        "angle_min_deg": low if low > -_TURN and not none else math.nan,
        "angle_max_deg": high if high < _TURN and not none else math.nan,
    }


def _generator(row: int, gen: Any, buses: dict[int, Any]) -> dict[str, Any]:
    fixed, linear, quadratic = _cost(row, gen["cost"])
    points = _cost_points(gen["cost"])
    holds = gen["voltage_regulation_on"] and buses[int(gen["bus"])]["kind"] in ("PV", "REF")
    if holds and gen["regulated_bus"] not in (None, gen["bus"]):
        raise BadInput(
            f"generator {row} at bus {gen['bus']} holds the voltage of bus {gen['regulated_bus']}; only its own can "
            "be held. Set its regulated bus to its own.",
            row=row,
        )
    return {
        "id": f"gen-{row}",
        "bus": str(gen["bus"]),
        "p_mw": gen["pg"],
        "q_mvar": gen["qg"],
        "p_min_mw": _limit(gen["pmin"]),
        "p_max_mw": _limit(gen["pmax"]),
        "q_min_mvar": _limit(gen["qmin"]),
        "q_max_mvar": _limit(gen["qmax"]),
        "s_rated_mva": gen["mbase"] or math.nan,
        "regulates_voltage": holds,
        "v_set_pu": gen["vg"],
        "kind": _KINDS.get(gen["energy_source"], "other"),
        "cost_fixed_per_h": fixed,
        "cost_linear_per_mwh": linear,
        "cost_quadratic_per_mw2h": quadratic,
        **({"cost_points": points} if points else {}),
        "in_service": gen["in_service"],
    }


def _hvdc(row: int, line: Any) -> list[dict[str, Any]]:
    """Both ends of an HVDC line as generators, fixed at the schedule of the file.

    The power that arrives is the file's, or what the losses leave where the file has a formula for them.
    Source: Zimmerman et al., MATPOWER (2011), section 7.6.3, DC transmission lines.
    """
    lost = float(line["loss0"]) + float(line["loss1"]) * float(line["pf"])
    arrives = float(line["pf"]) - lost if lost or not line["pt"] else float(line["pt"])
    ends = (("tail", line["from"], -float(line["pf"]), "f"), ("head", line["to"], arrives, "t"))
    return [
        {
            "id": f"hvdc-{row}-{end}",
            "name": f"{end} of hvdc-{row}",
            "bus": str(bus),
            "p_mw": p,
            "q_mvar": line[f"q{letter}"],
            "p_min_mw": p,
            "p_max_mw": p,
            "q_min_mvar": _limit(line[f"qmin{letter}"]),
            "q_max_mvar": _limit(line[f"qmax{letter}"]),
            "regulates_voltage": True,
            "v_set_pu": line[f"v{letter}"],
            "kind": "other",
            "in_service": line["in_service"],
        }
        for end, bus, p, letter in ends
    ]


def _limit(value: float | str) -> float:
    """A limit, missing where the file says infinity (which some tables spell out)."""
    return float(value) if math.isfinite(float(value)) else math.nan


def _cost(row: int, cost: Any) -> tuple[float, float, float]:
    """Constant, linear and quadratic term; zeros for a piecewise curve (model 1), which `_cost_points` keeps."""
    if cost is None or cost["model"] != 2:
        return 0.0, 0.0, 0.0
    terms = list(cost["coeffs"])[::-1]
    if any(terms[3:]):
        raise BadInput(f"the cost of generator {row} is of degree {len(terms) - 1}; a quadratic is the most.", row=row)
    fixed, linear, quadratic = [*terms, 0.0, 0.0, 0.0][:3]
    return fixed, linear, quadratic


def _cost_points(cost: Any) -> str:
    """A piecewise cost curve (model 1) as `MW:cost per hour; …`; "" for a polynomial."""
    if cost is None or cost["model"] != 1:
        return ""
    values = list(cost["coeffs"])
    return ";".join(f"{p!r}:{c!r}" for p, c in zip(values[::2], values[1::2], strict=False))


def _source(bus: Any, generators: list[Any]) -> dict[str, Any]:
    held = [g["vg"] for g in generators if g["bus"] == bus["id"] and g["in_service"] and g["voltage_regulation_on"]]
    return {
        "id": f"source-{bus['id']}",
        "bus": str(bus["id"]),
        "v_set_pu": held[0] if held else bus["vm"],
        "angle_deg": bus["va"],
        # In this format all power comes from generators: the reference bus gives the angle, and many have none of them.
        **dict.fromkeys(("p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"), 0.0),
    }


def _numbered(kind: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ids "load-5", and "load-5-2" for a second one at the same bus."""
    seen: dict[int, int] = {}
    named = []
    for row in rows:
        bus = int(row.pop("at"))
        seen[bus] = seen.get(bus, 0) + 1
        number = f"{kind}-{bus}" if seen[bus] == 1 else f"{kind}-{bus}-{seen[bus]}"
        named.append({"id": number, "bus": str(bus), **row})
    return named
