"""The file of a site to be scheduled (TOML): prices, connection, network, weights, and a section per device.

A section is named after its class: `[[battery]]`, `[[ev_fleet]]`, `[[renewable]]`, and every kind that is added later.
Its keys are the fields of that class. A value over time is one number, a list, or "FILE.csv:column".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloop.cli.schedule_tables import TIMES, Tables
from gridloop.cli.study_parts import check_zone
from gridloop.errors import BadInput, listed
from gridloop.io.columns import read_text
from gridloop.io.prices import read_prices
from gridloop.io.read import read_network
from gridloop.io.toml_file import read_toml
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.connection import PRICES, Connection
from gridloop.optimize.devices.kinds import GROUPS, Device
from gridloop.optimize.devices.market import SERVICES
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.problems.weights import check_weights

SECTIONS = ("name", "timezone", "network", "prices", "horizon", "connection", "weights")
MARKET = ("area", "network_fee_per_mwh", "margin_per_mwh")
"""What may be said of a file of a market's prices."""
ONE_PRICE = "eur_per_mwh"
CARBON = "carbon_t_per_mwh"


@dataclass(frozen=True)
class Site:
    """What is to be scheduled."""

    name: str
    zone: str
    devices: list[Device]
    prices: pd.DataFrame
    horizon: Horizon
    connection: Connection
    network: Network | Feeder | None
    weights: dict[str, float] | None
    carbon: pd.Series | None


def kinds() -> dict[str, type]:
    """Section of the file → class of device."""
    return {_section(made): made for made, _ in GROUPS}


def read_schedule(path: Path, start: str | None = None, steps: int | None = None) -> Site:
    """A site from its file. start, steps: instead of what `[horizon]` says.

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
        raise BadInput(f'{path.name} lacks [prices]; give file = "prices.csv" with a column {PRICES[0]}.')
    tables = Tables(path.parent)
    asked = dict(data.get("horizon", {}))
    _only(path.name, "horizon", asked, ("start", "steps"))
    name, zone = str(data.get("name", path.stem)), str(data.get("timezone", "UTC"))
    check_zone(zone, f"{path.name}: timezone")
    prices, horizon = _prices(
        path.name, data["prices"], tables, start or asked.get("start"), steps or asked.get("steps"), zone
    )
    devices = [
        device_of(made, entry, path.name, f"{section}] [{k + 1}" if len(entries) > 1 else section, horizon, tables)
        for section, made in known.items()
        for entries in [_entries(path.name, section, data)]
        for k, entry in enumerate(entries)
    ]
    if not devices:
        raise BadInput(f"{path.name} has no device; add one of {', '.join(f'[[{name}]]' for name in known)}.")
    connection = device_of(Connection, data.get("connection", {}), path.name, "connection", horizon, tables)
    network = read_network(tables.path(str(data["network"]))) if "network" in data else None
    carbon = _carbon(path.name, data["prices"], tables, horizon)
    return Site(name, zone, devices, prices, horizon, connection, network, weights_of(path.name, data), carbon)


def weights_of(name: str, data: Mapping[str, Any]) -> dict[str, float] | None:
    """What `[weights]` says, None where there is none. Raises `BadInput`, `OutOfRange`."""
    given = data.get("weights")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise BadInput(f"{name}: weights must be a section, [weights].", key="weights")
    found = {str(word): _number(value, f"{name}: [weights] {word}") for word, value in given.items()}
    check_weights(found)
    return found


def _section(made: type) -> str:
    """EVFleet → ev_fleet, WaterHeater → water_heater."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", made.__name__).lower()


def _entries(name: str, section: str, data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = data.get(section, [])
    entries = [entries] if isinstance(entries, Mapping) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise BadInput(f"{name}: {section} must be a section, [[{section}]].", key=section)
    return entries


def _only(name: str, section: str, given: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise BadInput(
            f"{name}: [{section}] has no key {listed(unknown)}; allowed are {', '.join(allowed)}.", keys=unknown
        )


def _prices(name: str, given: Any, tables: Tables, start: Any, steps: Any, zone: str) -> tuple[pd.DataFrame, Horizon]:
    """The prices of the intervals that are asked for, and these: all of the file where nothing is said."""
    if not isinstance(given, Mapping) or "file" not in given:
        raise BadInput(f'{name}: [prices] needs file = "prices.csv".', key="prices")
    _only(name, "prices", given, ("file", CARBON, *MARKET))
    file = str(given["file"])
    table = tables.timed(file) if _is_own(given, tables) else _market(name, given, tables, zone)
    if ONE_PRICE in table.columns:
        table = table.assign(**dict.fromkeys(PRICES, table[ONE_PRICE]))
    tables.need(file, table, PRICES)
    table = table[[*PRICES, *(c for c in SERVICES if c in table.columns)]]
    every = pd.DatetimeIndex(table.index)
    if start is not None:
        first = _time(name, "[horizon] start", start)
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
    file, where = str(given["file"]), f"{name}: [prices] {CARBON}"
    value = given.get(CARBON)
    if value is None and _is_own(given, tables) and CARBON in tables.plain(file).columns:
        value = f"{file}:{CARBON}"
    if value is None:
        return None
    found = pd.Series(_series(value, where, horizon, tables, one=False), index=horizon.starts)
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
    fee, margin = (_number(given.get(key, 0.0), f"{name}: [prices] {key}") for key in MARKET[1:])
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


def _time(name: str, where: str, value: Any) -> pd.Timestamp:
    try:
        time = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{name}: {where} is {value!r}; a time such as 2026-06-15T00:00Z is needed.") from error
    return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")


def _length(where: str, value: Any) -> pd.Timedelta:
    try:
        return pd.Timedelta(value)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{where} is {value!r}; a length of time such as 15min is needed.") from error


def device_of(made: Any, given: Mapping[str, Any], name: str, section: str, horizon: Horizon, tables: Tables) -> Any:
    """One device (or a value within one), every key checked against its class."""
    hints = get_type_hints(made)
    keys = {f.name: f for f in fields(made) if f.init}
    where = f"{name}: [{section}]"
    unknown = sorted(set(given) - set(keys))
    if unknown:
        raise BadInput(f"{where} has no key {listed(unknown)}; allowed are {', '.join(keys)}.", keys=unknown)
    missing = [k for k, f in keys.items() if k not in given and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise BadInput(f"{where} lacks {listed(missing)}.", keys=missing)
    built = {
        key: _value(hints[key], value, name, f"{where} {key}", f"{section}.{key}", horizon, tables)
        for key, value in given.items()
    }
    try:
        return made(**built)
    except (TypeError, AttributeError) as error:
        raise BadInput(f"{where} cannot be read: {error}.") from error


def _value(hint: Any, value: Any, name: str, where: str, section: str, horizon: Horizon, tables: Tables) -> Any:
    """One value as its field wants it."""
    options = [part for part in (get_args(hint) if _is_union(hint) else (hint,)) if part is not type(None)]
    nested = next((part for part in options if is_dataclass(part)), None)
    if nested is not None and isinstance(value, Mapping):
        return device_of(nested, value, name, section, horizon, tables)
    if pd.DataFrame in options:
        return tables.named(str(value))
    if pd.Timestamp in options:
        return _time(name, where, value)
    if pd.Timedelta in options:
        return _length(where, value)
    if any(_is_array(part) for part in options):
        return _series(value, where, horizon, tables, one=float in options)
    if float in options:
        return _number(value, where)
    for kind, what in ((bool, "true or false"), (int, "a whole number"), (str, "a text")):
        if options == [kind]:
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise BadInput(f"{where} is {value!r}; {what} is needed.")
            return value
    if any(get_origin(part) is tuple for part in options) and isinstance(value, list):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return value


def _number(value: Any, where: str) -> float:
    if value in ("inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or np.isnan(value):
        raise BadInput(f"{where} is {value!r}; a number is needed.")
    return float(value)


def _series(value: Any, where: str, horizon: Horizon, tables: Tables, *, one: bool) -> Any:
    """Values over the horizon: [step], or the number itself where the field takes one."""
    if isinstance(value, str):
        return tables.over(value, horizon, where)
    if isinstance(value, list):
        if len(value) != len(horizon):
            raise BadInput(f"{where} has {len(value)} values for {len(horizon)} intervals.")
        return np.array([_number(v, where) for v in value])
    number = _number(value, where)
    return number if one else np.full(len(horizon), number)


def _is_union(hint: Any) -> bool:
    return str(get_origin(hint)) in ("typing.Union", "<class 'types.UnionType'>")


def _is_array(hint: Any) -> bool:
    return hint is np.ndarray or get_origin(hint) is np.ndarray or hint == NDArray[np.float64]
