"""What `gridloop commit` is asked: a file of units, or a network with the loads and the weather of its hours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gridloop.errors import BadInput, MissingFile, UnknownFormat
from gridloop.io.pglib_uc import read_units
from gridloop.io.read import read_balanced
from gridloop.network.model import Network
from gridloop.network.unit_system import UnitSystem
from gridloop.optimize.problems.commitment_units import place_units, units_of_network

# Columns that say when, not how much.
_TIMES = ("time", "valid_at", "hour")


def read_question(
    file: str, network: str | None, demand: str | None, available: str | None, reserve_mw: float, hours: int
) -> tuple[UnitSystem, Network | None]:
    """The system, and the network that carries it, if any.

    Raises `BadInput` and its kinds for files and options that do not go together.
    """
    system = _units(file)
    if system is not None:
        of_network = {"--demand": demand is not None, "--available": available is not None, "--hours": hours != 24,
                      "--reserve-mw": reserve_mw != 0.0}  # fmt: skip
        wrong = [name for name, given in of_network.items() if given]
        if wrong:
            raise BadInput(f"{', '.join(wrong)} belong to a network; {file!r} is a case of units with its own hours.")
        if network is None:
            return system, None
        net = read_balanced(network)
        return place_units(system, net), net
    if network is not None:
        raise BadInput(f"{file!r} is a network itself; leave --network out, or give a case of units as FILE.")
    net = read_balanced(file)
    loads = hours if demand is None else _loads(demand)
    weather = None if available is None else _series(available)
    return units_of_network(net, loads, available_mw=weather, reserve_mw=reserve_mw), net


def _units(file: str) -> UnitSystem | None:
    """The case of units in a file; None where it is something else."""
    if Path(file).suffix.lower() != ".json":
        return None
    try:
        return read_units(file)
    except UnknownFormat as no_units:
        try:
            read_balanced(file)
        except BadInput:
            raise no_units from None
        return None


def _loads(file: str) -> pd.DataFrame | pd.Series:
    table = _series(file)
    return table["demand_mw"] if list(table.columns) == ["demand_mw"] else table


def _series(file: str) -> pd.DataFrame:
    """A table of numbers by hour; its columns are ids."""
    if not Path(file).is_file():
        raise MissingFile(f"no file {file!r}; check the path.", path=file)
    try:
        table = pd.read_csv(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"{file!r} is no table of comma-separated values: {error}.", path=file) from error
    table = table.drop(columns=[c for c in table.columns if c in _TIMES])
    try:
        return table.astype(float)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{file!r} has a value that is no number: {error}.", path=file) from error
