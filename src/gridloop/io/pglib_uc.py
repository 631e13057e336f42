"""Unit commitment cases in the JSON of PGLib-UC: thermal units, renewables, demand and reserves.

Format: https://github.com/power-grid-lib/pglib-uc, version 19.08. Its hours count from 1, ours from 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, MissingFile, UnknownFormat
from gridloop.network.unit_system import UnitSystem

# Their names of what a unit has, and ours.
_UNIT = {
    "power_output_minimum": "p_min_mw",
    "power_output_maximum": "p_max_mw",
    "ramp_up_limit": "ramp_up_mw_per_h",
    "ramp_down_limit": "ramp_down_mw_per_h",
    "ramp_startup_limit": "start_max_mw",
    "ramp_shutdown_limit": "stop_max_mw",
    "time_up_minimum": "min_up_h",
    "time_down_minimum": "min_down_h",
    "power_output_t0": "p_before_mw",
}


def read_units(path: str | Path) -> UnitSystem:
    """A unit commitment case of PGLib-UC.

    Start-ups are priced as its reference model does (`start_rule="pglib"`), so that objectives compare.
    Raises `MissingFile`, `UnknownFormat` for what is no such JSON, `BadInput` and its kinds for values that cannot be.
    """
    where = Path(path)
    if not where.is_file():
        raise MissingFile(f"no file {str(where)!r}. Check the path.", path=str(where))
    try:
        data = json.loads(where.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UnknownFormat(f"{str(where)!r} is not JSON: {error}.", path=str(where)) from error
    needed = ("time_periods", "demand", "reserves", "thermal_generators", "renewable_generators")
    missing = [key for key in needed if not isinstance(data, dict) or key not in data]
    if missing:
        raise UnknownFormat(
            f"{str(where)!r} is JSON, but no PGLib-UC case: {', '.join(missing)} missing.", path=str(where)
        )
    try:
        return _system(data, f"{where.parent.name}/{where.stem}")
    except KeyError as error:
        raise UnknownFormat(f"{str(where)!r}: a generator has no {error.args[0]}.", path=str(where)) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise UnknownFormat(f"{str(where)!r} has a value of the wrong kind: {error}.", path=str(where)) from error


def _system(data: dict[str, Any], name: str) -> UnitSystem:
    hours = int(data["time_periods"])
    thermal: dict[str, Any] = data["thermal_generators"]
    rows, corners, tiers = [], [], []
    for key, unit in thermal.items():
        on = unit["unit_on_t0"]
        if on not in (0, 1):
            raise BadInput(f"unit {key} has unit_on_t0 {on!r}; allowed are 0 and 1.", units=[key])
        rows.append(
            {
                "id": str(key),
                **{ours: _number(unit[theirs]) for theirs, ours in _UNIT.items()},
                "on_before": bool(on),
                "hours_before": _number(unit["time_up_t0" if on else "time_down_t0"]),
                "must_run": bool(unit["must_run"]),
            }
        )
        corners += [(str(key), _number(c["mw"]), _number(c["cost"])) for c in unit["piecewise_production"]]
        tiers += [(str(key), _number(t["lag"]), _number(t["cost"])) for t in unit["startup"]]
    if not rows:
        raise BadInput("the case has no thermal generator, so that there is nothing to commit.")
    renewable: dict[str, Any] = data["renewable_generators"]
    return UnitSystem(
        unit=pd.DataFrame(rows).set_index("id"),
        cost=pd.DataFrame(corners, columns=["unit", "p_mw", "cost_per_h"]),
        start=pd.DataFrame(tiers, columns=["unit", "off_h", "cost"]),
        demand_mw=_series(data["demand"], hours, "demand"),
        reserve_mw=_series(data["reserves"], hours, "reserves"),
        regulation_mw=pd.Series(np.zeros(hours)),
        renewable_min_mw=_table(renewable, "power_output_minimum", hours),
        renewable_max_mw=_table(renewable, "power_output_maximum", hours),
        start_rule="pglib",
        name=name,
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _series(values: Any, hours: int, what: str) -> pd.Series:
    if not isinstance(values, list) or len(values) != hours:
        found = len(values) if isinstance(values, list) else "no list"
        raise BadInput(f"{what} has {found} values, time_periods is {hours}; they must be the same.")
    return pd.Series([_number(v) for v in values], dtype=float)


def _table(renewable: dict[str, Any], key: str, hours: int) -> pd.DataFrame:
    """One series of every renewable generator. [hour × id]"""
    columns = {str(name): _series(unit[key], hours, f"{key} of {name}") for name, unit in renewable.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(hours), dtype=float)
