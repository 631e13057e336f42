"""The file of a compressor station (TOML): its machines, its network, and the use of air, recorded or made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.cli.compressor_tables import compressor_of, made, need_all
from gridloop.cli.schedule_values import finite, only, table_of
from gridloop.cli.study_parts import check_zone, meters_of
from gridloop.errors import BadInput, MissingColumn, MissingFile, OutOfRange, listed
from gridloop.io.toml_file import read_toml
from gridloop.operate.studies.compressor_weeks import LEARN_WEEKS, Demand, usual_scale
from gridloop.optimize.devices.compressor_station import CompressorStation

SECTIONS = ("name", "timezone", "station", "machine", "demand", "prices")
NEEDED = ("volume_m3", "min_bar", "max_bar")
STATION = (*NEEDED, "start_bar", "leak_m3_per_min", "dryer_kw")
RECORDED = ("air", "plan", "learn_weeks")
SYNTHETIC = ("scale",)
LEAST_BAND_BAR = 0.3
"""A narrower band leaves no room for pressure switches."""
BEGINS = 0.4
"""Part of the band where a station begins that does not say it: rules may hold it there from the first minute on."""


@dataclass(frozen=True, eq=False)
class StationFile:
    """What a station's file says. prices: its section, empty where there is none"""

    name: str
    station: CompressorStation
    demand: Demand
    prices: Mapping[str, Any]


def read_station(path: Path, weeks: int | None, seed: int) -> StationFile:
    """A station's file: name, machines and network, use of air, and what it says of prices.

    weeks  that are judged; None: ten made-up ones, or all that a recording has
    seed   of the made-up factory

    Raises `MissingFile`, `MissingColumn`, `GapInSeries`, `OutsideData` and `BadInput`, each with file and key.
    """
    data = read_toml(path, f"There is no station file {str(path)!r}; docs/guides/compressors.md shows one.")
    only(f"{path.name}:", data, SECTIONS)
    zone = str(data.get("timezone", "UTC"))
    check_zone(zone, f"{path.name}: timezone")
    station = _station(path.name, data)
    demand = _demand(path, table_of(path.name, "demand", data.get("demand", {})), station, zone, weeks, seed)
    prices = table_of(path.name, "prices", data.get("prices", {}))
    return StationFile(str(data.get("name", path.stem)), station, demand, prices)


def _station(name: str, data: Mapping[str, Any]) -> CompressorStation:
    where = f"{name}: [station]"
    given = table_of(name, "station", data.get("station", {}))
    only(where, given, STATION)
    need_all(where, given, NEEDED)
    entries = data.get("machine", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise BadInput(f"{name} has no machine; add a section [[machine]] for each.", key="machine")
    machines = [compressor_of(name, "[[machine]]", entry, k) for k, entry in enumerate(entries)]
    fields = {key: finite(value, f"{where} {key}") for key, value in given.items()}
    least, most = fields["min_bar"], fields["max_bar"]
    if most - least < LEAST_BAND_BAR:
        raise OutOfRange(
            f"{where} max_bar {most:g} is {most - least:.2g} bar above min_bar; {LEAST_BAND_BAR:g} bar are needed."
        )
    fields.setdefault("start_bar", round(least + BEGINS * (most - least), 3))
    return made(where, CompressorStation, machines, np.zeros(1), **fields)


def _demand(
    path: Path, given: Mapping[str, Any], station: CompressorStation, zone: str, weeks: int | None, seed: int
) -> Demand:
    where = f"{path.name}: [demand]"
    only(where, given, (*RECORDED, *SYNTHETIC))
    if "air" not in given:
        wrong = sorted(set(given) - set(SYNTHETIC))
        if wrong:
            raise BadInput(f'{where} {listed(wrong)} belongs to a recording; give air = "air.csv" too.', key="air")
        scale = finite(given["scale"], f"{where} scale") if "scale" in given else usual_scale(station)
        if not scale > 0:
            raise OutOfRange(f"{where} scale is {scale:g}; it must be above zero.")
        return Demand.synthetic(10 if weeks is None else weeks, seed=seed, scale=scale)
    if "scale" in given:
        raise BadInput(f"{where} scale belongs to the made-up factory; leave it out beside air.", key="scale")
    need_all(where, given, ("plan",))
    learn = given.get("learn_weeks", LEARN_WEEKS)
    if not isinstance(learn, int) or isinstance(learn, bool):
        raise BadInput(f"{where} learn_weeks is {learn!r}; a whole number is needed.", key="learn_weeks")
    air = _table(path.parent, given["air"], zone, f"{where} air")
    if air.shape[1] != 1:
        raise MissingColumn(
            f"{where} air: {given['air']} has {air.shape[1]} columns beside valid_at; one is needed, m³/min. "
            'Name it: air = "air.csv:column".'
        )
    plan = _table(path.parent, given["plan"], zone, f"{where} plan")
    try:
        return Demand.of_recording(air.iloc[:, 0], plan, zone=zone, learn=learn, most=weeks)
    except BadInput as error:
        raise type(error)(f"{where} {given['air']}, {given['plan']}: {error.args[0]}", **error.facts) from error


def _table(folder: Path, given: Any, zone: str, where: str) -> pd.DataFrame:
    """A table by time; "FILE.csv:column" is one column of it."""
    if not isinstance(given, str):
        raise BadInput(f'{where} is {given!r}; a file such as "air.csv" is needed.')
    text, _, column = given.partition(".csv:")
    file = folder / (f"{text}.csv" if column else given)
    if not file.is_file():
        raise MissingFile(f"{where}: there is no file {str(file)!r}; paths are relative to the station file.")
    table = meters_of(file, "mw", zone)  # numbers as they stand
    if not column:
        return table
    if column not in table.columns:
        raise MissingColumn(f"{where}: {file.name} has no column {column}; it has {listed(list(table.columns), 20)}.")
    return table[[column]]
