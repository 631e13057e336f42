"""OpenDSS cases: the feeder that a .dss file describes, read through powerio, with all that it could not take over.

powerio parses the language and the elements. What it leaves aside is completed here from the properties it keeps:
regulator controls, transformer codes, written switch impedances, source impedances, load models and voltage limits,
series reactors. What remains is named in `Feeder.loss_report`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import powerio

from gridloop.errors import BadInput, UnknownFormat
from gridloop.io.opendss_elements import capacitor_rows, generator_rows, line_rows, load_rows, source_rows
from gridloop.io.opendss_parts import Case, Rows
from gridloop.io.opendss_statements import apply_statements
from gridloop.io.opendss_transformers import regulator_rows, transformer_rows
from gridloop.io.opendss_unread import report_unread
from gridloop.network.feeder.model import Feeder, terminals
from gridloop.network.feeder.voltages import carry_voltages
from gridloop.units import SQRT3

FORMATS = ".dss (OpenDSS)"
ENDINGS = (".dss",)

_REFUSED = "READ.DSS.INCLUDE_REFUSED"
# What powerio says it does not use, and this reader does.
_COMPLETED = (
    "voltage regulation is ignored",
    "is ignored by OpenDSS on switch=yes",
    "series reactors",
    "COORDINATE_SPACE_UNKNOWN",
)


def read_opendss(path: str | Path, *, name: str | None = None) -> Feeder:
    """The feeder of an OpenDSS case; taps and switches as its commands leave them.

    path  the file that OpenDSS would compile; files it includes may lie in its folder or in the one above

    Names are in lower case, as OpenDSS has them. Nothing is solved: `solve`, `show` and plots are passed over.
    `loss_report` of the result names every object and command that has no counterpart in the feeder.
    Raises `UnknownFormat` where the text is not OpenDSS's, `BadInput` where it describes no feeder.
    """
    file = Path(path)
    case = _parse(file)
    rows: Rows = {
        "line": [], "line_code": [], "transformer": [], "winding": [], "regulator": [], "load": [], "generator": [],
        "capacitor": [], "source": [], "bus": [],
    }  # fmt: skip
    for add in (source_rows, line_rows, transformer_rows, regulator_rows, load_rows, generator_rows, capacitor_rows):
        add(case, rows)
    case.report_untyped()
    report_unread(case)
    apply_statements(file, rows, case.losses)
    if not rows["source"]:
        raise BadInput(f"{str(path)!r} describes no circuit: it has no voltage source.", path=str(path))
    rows["bus"] = _bus_rows(case, rows)
    return Feeder.from_tables(
        rows,
        name=name or case.name or file.stem,
        frequency_hz=case.frequency_hz,
        loss_report=tuple(dict.fromkeys(case.losses)),
    )


def _parse(file: Path) -> Case:
    """powerio's reading of the file; includes of the folder above are allowed where the file asks for them."""
    try:
        module = powerio.parse(str(file))
        if any(_REFUSED in str(d) for d in module.diagnostics):
            module = powerio.parse(str(file), acquisition_root=str(file.resolve().parent.parent))
    except powerio.PowerIOError as error:
        raise UnknownFormat(f"{str(file)!r} cannot be read as OpenDSS: {error}", path=str(file)) from error
    losses = [str(d) for d in module.diagnostics if not any(known in str(d) for known in _COMPLETED)]
    return Case(module.value, losses)


def _bus_rows(case: Case, rows: Rows) -> list[dict[str, Any]]:
    """Buses with the terminals that elements use, their nominal voltage and their place."""
    used: dict[str, set[int]] = {}

    def use(bus: str, text: str) -> None:
        used.setdefault(bus, set()).update(t for t in terminals(text) if t)

    for line in rows["line"]:
        use(line["tail_bus"], line["tail_phases"])
        use(line["head_bus"], line["head_phases"])
    for table in ("source", "winding", "load", "generator", "capacitor"):
        for row in rows[table]:
            use(row["bus"], row["phases"])
    kv = _voltages(case, rows)
    lost = [bus for bus in used if bus not in kv]
    for bus in lost:
        rated = [r for r in (*rows["load"], *rows["winding"]) if r["bus"] == bus]
        kv[bus] = float(rated[0]["v_rated_kv"]) if rated else float(rows["source"][0]["v_rated_kv"])
    if lost:
        case.losses.append(
            f"{len(lost)} buses have no path to a source, such as {lost[0]}; their nominal voltage is a guess."
        )
    places = {str(b["id"]).lower(): b.get("location") or {} for b in case.buses}
    return [
        {
            "id": bus,
            "phases": ".".join(map(str, sorted(ends))),
            "v_nom_kv": kv[bus],
            "x": places.get(bus, {}).get("x", float("nan")),
            "y": places.get(bus, {}).get("y", float("nan")),
        }
        for bus, ends in used.items()
        if ends
    ]


def _voltages(case: Case, rows: Rows) -> dict[str, float]:
    """Nominal line-to-line voltages from the sources outwards. [kV]"""
    known: dict[str, float] = {}
    for s in rows["source"]:
        known.setdefault(s["bus"], s["v_rated_kv"] * (1.0 if len(terminals(s["phases"])) > 1 else SQRT3))
    line_to_line: dict[str, list[tuple[str, float]]] = {}
    phases = {t["id"]: t["n_phases"] for t in rows["transformer"]}
    for w in rows["winding"]:
        single_to_ground = phases[w["transformer"]] == 1 and w["connection"] == "wye"
        kv = w["v_rated_kv"] * (SQRT3 if single_to_ground else 1.0)
        line_to_line.setdefault(w["transformer"], []).append((w["bus"], kv))
    ratios = [(some[0][0], some[0][1], bus, kv) for some in line_to_line.values() for bus, kv in some[1:]]
    return carry_voltages(known, [(line["tail_bus"], line["head_bus"]) for line in rows["line"]], ratios)
