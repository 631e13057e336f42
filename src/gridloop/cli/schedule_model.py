"""`[building.model]` of a site file: resistances and capacities by number, or identified from a file of readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridloop.cli.schedule_around import Around
from gridloop.cli.schedule_values import need, number, only, text
from gridloop.errors import BadInput, listed
from gridloop.io.house import read_house
from gridloop.optimize.building.model import BuildingModel
from gridloop.optimize.building.structure import ENVELOPE, HEATER, INDOOR, MASS, Structure
from gridloop.units import FloatArray

NUMBERS = tuple(
    dict.fromkeys(
        name
        for states in ((INDOOR, MASS, ENVELOPE), (INDOOR, MASS, HEATER))
        for name in Structure(states, sun=True, people=True, always=True).parameters
    )
)
READINGS = ("readings", "states", "always")
KEYS = {"building.model": (*NUMBERS, *READINGS)}
NEEDED = ("indoor_mwh_per_k", "indoor_outdoor_mw_per_k")


@dataclass(frozen=True)
class Known:
    """Temperatures of all states as the last readings have them: at a time, and good until the interval is over."""

    at: pd.Timestamp
    until: pd.Timestamp
    states: FloatArray


def model_of(given: Mapping[str, Any], where: str, around: Around) -> tuple[BuildingModel, Known | None]:
    """A model, and what its readings say of now. Raises `BadInput`, `MissingFile`, and as `BuildingModel`."""
    only(where, given, KEYS["building.model"])
    if "readings" not in given:
        strange = [key for key in READINGS if key in given]
        if strange:
            raise BadInput(f'{where} {listed(strange)} belongs to readings = "house.csv".', key=strange[0])
        need(where, given, NEEDED)
        values = {key: number(value, f"{where} {key}") for key, value in given.items()}
        return around.made(where, BuildingModel.of, **values), None
    both = [key for key in NUMBERS if key in given]
    if both:
        raise BadInput(f"{where} gives readings and {listed(both)}; one way of the two is needed.", key=both[0])
    file = text(given["readings"], f"{where} readings")
    around.tables.plain(file)  # its own words where it is not there
    readings = read_house(around.tables.path(file))
    states = given.get("states")
    if states is not None and not (isinstance(states, list) and all(isinstance(s, str) for s in states)):
        raise BadInput(f'{where} states is {states!r}; a list such as ["indoor", "mass"] is needed.', key="states")
    always = given.get("always", False)
    if not isinstance(always, bool):
        raise BadInput(f"{where} always is {always!r}; true or false is needed.", key="always")
    around.tell(f"Identifying a building from {file}")
    model = around.made(f"{where} {file}", BuildingModel.fit, readings, states=states, always=always, habit=None,
                        zone=around.zone)  # fmt: skip
    index = pd.DatetimeIndex(readings.index)
    begin = around.horizon.starts[0]
    row = int(index.searchsorted(begin, side="right")) - 1
    if row < 0:
        return model, Known(index[0], index[-1], model.states(readings).to_numpy()[0])
    seen = model.states(readings.iloc[: row + 1]).to_numpy()[-1]
    step = index[1] - index[0]
    return model, Known(index[row], index[row] + step if row == len(index) - 1 else index[row + 1], seen)
