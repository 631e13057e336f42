"""What is wrong with a feeder's tables: everything found at once, from the schema and from what refers to what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.network import schema
from gridloop.network.feeder.model import PREFIX, TABLES, Feeder
from gridloop.network.validation.findings import Finding, Findings, finding

# A tap written with five digits is still on its step.
_ROUNDED_STEP = 1e-2
# Columns that a range of the schema, ends included, allows to be zero and no element can have so.
_POSITIVE = {
    "bus": ("v_nom_kv",),
    "winding": ("v_rated_kv", "s_rated_mva"),
    "load": ("v_rated_kv",),
    "generator": ("v_rated_kv",),
    "capacitor": ("v_rated_kv",),
    "source": ("v_rated_kv", "v_set_pu"),
    "regulator": ("v_set_v", "pt_ratio", "ct_primary_a"),
}


def check_feeder(feeder: Feeder) -> Findings:
    """Every finding: ids used twice, references that lead nowhere, values missing or outside their range.

    Elements out of service are not looked at, as no study uses them.
    """
    found: list[Finding] = []
    for table in TABLES:
        frame = feeder.tables[table]
        twice = frame.index[frame.index.duplicated()].unique()
        if len(twice):
            found.append(
                finding("error", "duplicate_id", table, "", twice, "have an id used before", "Give each its own id.")
            )
        found += _values(table, frame[frame["in_service"]] if "in_service" in frame else frame, feeder)
    return Findings(tuple(found + _terminals(feeder) + _steps(feeder)))


def _terminals(feeder: Feeder) -> list[Finding]:
    """Buses that name a terminal twice."""
    twice = [bus for bus, text in feeder.bus["phases"].items() if len(set(text.split("."))) < len(text.split("."))]
    if not twice:
        return []
    remedy = "Each terminal is one node; name it once."
    return [finding("error", "duplicate_terminal", "bus", "phases", twice, "name a terminal twice", remedy)]


def _steps(feeder: Feeder) -> list[Finding]:
    """Windings under control whose tap lies between two steps: the nearest one counts."""
    moved = set(zip(feeder.regulator["transformer"], feeder.regulator["winding"], strict=True))
    own = [pair in moved for pair in zip(feeder.winding["transformer"], feeder.winding["number"], strict=True)]
    w = feeder.winding[np.array(own, dtype=bool)]
    position = (w["tap_pu"] - 1.0) * w["tap_steps"] / (w["tap_max_pu"] - w["tap_min_pu"])
    off = w.index[((position - position.round()).abs() > _ROUNDED_STEP).to_numpy()]
    if not len(off):
        return []
    remedy = "The nearest step is taken: give 1 plus a whole number of steps."
    return [finding("warning", "between_steps", "winding", "tap_pu", off, "have a tap between two steps", remedy)]


def _values(table: str, frame: pd.DataFrame, feeder: Feeder) -> list[Finding]:
    found: list[Finding] = []

    def add(code: str, column: str, bad: object, problem: str, remedy: str) -> None:
        wrong = np.asarray(bad, dtype=bool)
        if wrong.any():
            found.append(finding("error", code, table, column, frame.index[wrong], problem, remedy))

    for a in schema.attributes(PREFIX + table).values():
        if a.name == "id":
            continue
        values = frame[a.name]
        if a.references:
            other = a.references.removeprefix(PREFIX)
            lost = ~values.isin(feeder.tables[other].index)
            add(
                "dangling_reference",
                a.name,
                lost,
                f"name a {other} that is not there",
                f"Add the {other}, or correct it.",
            )
        if a.allowed:
            lost = ~values.isin(a.allowed)
            add("not_allowed", a.name, lost, "have a value that is not allowed", f"Allowed are {', '.join(a.allowed)}.")
        if a.type == "float":
            if not a.may_be_missing:
                lost = ~np.isfinite(values.to_numpy(dtype=float))
                add("missing_value", a.name, lost, "have no finite value there", f"Give {a.description.lower()}.")
            low = -np.inf if a.minimum is None else a.minimum
            high = np.inf if a.maximum is None else a.maximum
            span = f"Allowed is {low:g} to {high:g} {a.unit}.".replace(" .", ".")
            add("out_of_range", a.name, (values < low) | (values > high), "are outside the range", span)
            if a.name in _POSITIVE.get(table, ()):
                add("out_of_range", a.name, values <= 0, "are not positive", f"Give {a.description.lower()}.")
    return found
