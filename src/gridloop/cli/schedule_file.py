"""The file of a site to be scheduled (TOML): prices, connection, network, weights, and a section per device.

A section is named after its class: `[[battery]]`, `[[ev_fleet]]`, `[[renewable]]`, and every kind that is added later.
Its keys are the fields of that class, or those of a reader of its own (`schedule_kinds.py`). A value over time is one
number, a list, or "FILE.csv:column".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gridloop.cli.schedule_around import Around, say_nothing
from gridloop.cli.schedule_futures import Futures, futures_of
from gridloop.cli.schedule_kinds import devices_of, kinds
from gridloop.cli.schedule_tables import TIMES, Tables
from gridloop.cli.schedule_values import device_of, length_of, number, only, series, table_of, time_of
from gridloop.cli.study_parts import check_zone
from gridloop.errors import BadInput, listed
from gridloop.io.columns import read_text
from gridloop.io.prices import read_prices
from gridloop.io.read import read_network
from gridloop.io.toml_file import read_toml
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.connection import PRICES, Connection
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.market import SERVICES
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.weights import check_weights

SECTIONS = ("name", "timezone", "network", "prices", "horizon", "connection", "weights", "robust", "scenario")
MARKET = ("area", "network_fee_per_mwh", "margin_per_mwh")
"""What may be said of a file of a market's prices."""
ONE_PRICE = "eur_per_mwh"
CARBON = "carbon_t_per_mwh"


@dataclass(frozen=True)
class Site:
    """What is to be scheduled. files: all that it was read from; futures: where it has several"""

    name: str
    zone: str
    devices: list[Device]
    prices: pd.DataFrame
    horizon: Horizon
    connection: Connection
    network: Network | Feeder | None
    weights: dict[str, float] | None
    carbon: pd.Series | None
    files: frozenset[Path] = frozenset()
    futures: Futures | None = None


def read_schedule(
    path: Path, start: str | None = None, steps: int | None = None, tell: Callable[[str], None] = say_nothing
) -> Site:
    """A site from its file.

    start, steps  instead of what `[horizon]` says
    tell          is told what takes longer than a moment

    Raises `MissingFile`, `MissingColumn`, `GapInSeries` and `BadInput`, each with the section and the key.
    """
    data = read_toml(path, f"There is no site file {str(path)!r}; docs/guides/schedule-file.md shows one.")
    known = kinds()
    unknown = sorted(set(data) - {*SECTIONS, *known})
    if unknown:
        raise BadInput(
            f"{path.name} has no section {listed(unknown)}; allowed are {', '.join((*SECTIONS, *known))}.", keys=unknown
        )
    if "prices" not in data:
        raise BadInput(
            f'{path.name} lacks [prices]; give file = "prices.csv" with a column {PRICES[0]}, or {ONE_PRICE} = 80 of a '
            "tariff that never changes."
        )
    tables = Tables(path.parent)
    asked = table_of(path.name, "horizon", data.get("horizon", {}))
    only(f"{path.name}: [horizon]", asked, ("start", "steps", "step"))
    name, zone = str(data.get("name", path.stem)), str(data.get("timezone", "UTC"))
    check_zone(zone, f"{path.name}: timezone")
    begin, many = start or asked.get("start"), steps or asked.get("steps")
    paid = table_of(path.name, "prices", data["prices"])
    if ONE_PRICE in paid and "file" not in paid:
        prices, horizon = _flat(path.name, paid, begin, many, asked.get("step", "1h"))
    else:
        prices, horizon = _prices(path.name, paid, tables, begin, many, zone)
        if "step" in asked:
            raise BadInput(f"{path.name}: [horizon] step belongs to a flat {ONE_PRICE}; {paid['file']} has its own.")
    carbon = _carbon(path.name, paid, tables, horizon)
    linked = table_of(path.name, "connection", data.get("connection", {}))
    connection = device_of(Connection, linked, path.name, "connection", horizon, tables)
    around = Around(path.name, zone, horizon, tables, connection, carbon, tell=tell)
    devices: list[Device] = []
    for section in known:
        devices += devices_of(section, data.get(section, []), replace(around, devices=tuple(devices)))
    if not devices:
        raise BadInput(f"{path.name} has no device; add one of {', '.join(f'[[{name}]]' for name in known)}.")
    network = read_network(tables.path(str(data["network"]))) if "network" in data else None
    futures = futures_of(data, devices, prices, around)
    files = frozenset({path.resolve(), *tables.paths})
    weights = weights_of(path.name, data)
    return Site(name, zone, devices, prices, horizon, connection, network, weights, carbon, files, futures)


def weights_of(name: str, data: Mapping[str, Any]) -> dict[str, float] | None:
    """What `[weights]` says, None where there is none. Raises `BadInput`, `OutOfRange`."""
    given = data.get("weights")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise BadInput(f"{name}: weights must be a section, [weights].", key="weights")
    found = {str(word): number(value, f"{name}: [weights] {word}") for word, value in given.items()}
    check_weights(found)
    return found


def _flat(name: str, given: Mapping[str, Any], start: Any, steps: Any, step: Any) -> tuple[pd.DataFrame, Horizon]:
    """A tariff that never changes, over the intervals that `[horizon]` names."""
    where = f"{name}: [horizon]"
    only(f"{name}: [prices]", given, (ONE_PRICE, PRICES[1], CARBON))
    if start is None or steps is None:
        raise BadInput(f"{where} needs start and steps where no file of prices says the times.", key="start")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise BadInput(f"{where} steps is {steps!r}; a whole number above zero is needed.", key="steps")
    length = length_of(f"{where} step", step)
    if not length > pd.Timedelta(0):
        raise BadInput(f"{where} step is {step!r}; it must be longer than nothing.", key="step")
    index = pd.date_range(time_of(f"{where} start", start), periods=steps, freq=length, name="valid_at")
    price = number(given[ONE_PRICE], f"{name}: [prices] {ONE_PRICE}")
    sold = number(given.get(PRICES[1], price), f"{name}: [prices] {PRICES[1]}")
    table = pd.DataFrame(dict(zip(PRICES, (price, sold), strict=True)), index=index)
    return table, Horizon.blocks(index[0], [(steps, length)])


def _prices(name: str, given: Any, tables: Tables, start: Any, steps: Any, zone: str) -> tuple[pd.DataFrame, Horizon]:
    """The prices of the intervals that are asked for, and these: all of the file where nothing is said."""
    if not isinstance(given, Mapping) or "file" not in given:
        raise BadInput(f'{name}: [prices] needs file = "prices.csv", or {ONE_PRICE} = 80.', key="prices")
    only(f"{name}: [prices]", given, ("file", CARBON, *MARKET))
    file = str(given["file"])
    table = tables.timed(file) if _is_own(given, tables) else _market(name, given, tables, zone)
    if ONE_PRICE in table.columns:
        table = table.assign(**dict.fromkeys(PRICES, table[ONE_PRICE]))
    tables.need(file, table, PRICES)
    table = table[[*PRICES, *(c for c in SERVICES if c in table.columns)]]
    every = pd.DatetimeIndex(table.index)
    if start is not None:
        first = time_of(f"{name}: [horizon] start", start)
        table = table[table.index >= first]
        if table.empty or table.index[0] != first:
            raise BadInput(f"{name}: [horizon] start {start} is no interval of {given['file']}.", key="start")
    if steps is not None:
        if not isinstance(steps, int) or steps < 1 or steps > len(table):
            raise BadInput(
                f"{name}: [horizon] steps is {steps!r}; {given['file']} has {len(table)} from there.", key="steps"
            )
        table = table.iloc[:steps]
    return table, _horizon(pd.DatetimeIndex(table.index), every)


def _carbon(name: str, given: Mapping[str, Any], tables: Tables, horizon: Horizon) -> pd.Series | None:
    """Carbon of the grid over the horizon [t/MWh], None where nobody says it: missing is not zero."""
    file, where = str(given.get("file", "")), f"{name}: [prices] {CARBON}"
    value = given.get(CARBON)
    if value is None and file and _is_own(given, tables) and CARBON in tables.plain(file).columns:
        value = f"{file}:{CARBON}"
    if value is None:
        return None
    found = pd.Series(series(value, where, horizon, tables, one=False), index=horizon.starts)
    if (found < 0).any():
        raise BadInput(f"{where} is below zero in {int((found < 0).sum())} of {len(found)} intervals.", key=CARBON)
    return found


def _is_own(given: Mapping[str, Any], tables: Tables) -> bool:
    """True for a table of ours, and for a file that is not there: the reader of ours says so."""
    file = Path(tables.path(str(given["file"])))
    if set(given) & set(MARKET):
        return False
    return not file.is_file() or bool(set(read_text(file, "prices", nrows=0).columns) & set(TIMES))


def _market(name: str, given: Mapping[str, Any], tables: Tables, zone: str) -> pd.DataFrame:
    """Prices of a market's file, in euros: `io/prices.py` knows which. Times without an offset are the site's."""
    fee, margin = (number(given.get(key, 0.0), f"{name}: [prices] {key}") for key in MARKET[1:])
    area = None if "area" not in given else str(given["area"])
    return read_prices(
        tables.path(str(given["file"])), zone, area=area, network_fee_per_mwh=fee, margin_per_mwh=margin
    )  # fmt: skip


def _horizon(starts: pd.DatetimeIndex, every: pd.DatetimeIndex) -> Horizon:
    """The intervals; a single one is as long as its neighbour in the file, an hour where the file has but one row."""
    if len(starts) > 1 or len(every) < 2:
        return Horizon.regular(starts)
    row = min(int(every.searchsorted(starts[0])), len(every) - 2)
    return Horizon.blocks(starts[0], [(1, every[row + 1] - every[row])])
