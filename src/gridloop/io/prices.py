"""Price files: our own CSV, and the files of three public sources, as one table in UTC.

Known formats, told apart by their header:

    ours     valid_at, import_eur_per_mwh[, export_eur_per_mwh], or eur_per_mwh, the price of energy both ways. Any
             currency of three letters, per mwh or per kwh (a price per kWh is multiplied by 1000; the currency is
             never converted).
             A time without an offset is local time of the zone that is passed in.
             What a MW held ready for an hour earns, where a market pays it: regulation_up_eur_per_mw,
             regulation_down_eur_per_mw, reserve_eur_per_mw, or per_kw.
    ember    Country, Datetime (UTC), Datetime (Local), Price (EUR/MWhe). Several pastes may overlap, each with
             its own date format, divided by a row without a time; where they overlap they must agree.
    smard    Date;Time of day; one column per bidding zone [€/MWh], in the local time of Berlin. A dash is
             "not published": at the ends the file does not cover those hours, in between it is a gap.
    caiso    Datetime (he), DA Price ($/kWh): hour ending. Its 8784 hours of 2020 step over both clock changes and its
             summer evening peak sits an hour early, so it is read as standard time, UTC−8 all year. Reg Up Price
             and Reg Down Price ($/kW) are taken where they are there.

A file of a market holds one energy price: import = energy price + network fee, export = energy price −
margin. The two are passed in, and are zero unless they are. What services earn is left as it is.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, MissingColumn, OutOfRange, OutsideData, UnknownFormat, listed
from gridloop.io.columns import as_numbers, as_times, clock_times, need, read_text
from gridloop.series.clock import to_utc
from gridloop.series.gaps import require_complete

OWN = re.compile(
    r"(import|export)_([a-z]{3})_per_(mwh|kwh)|(regulation_up|regulation_down|reserve)_([a-z]{3})_per_(mw|kw)"
)
ONE_PRICE = re.compile(r"[a-z]{3}_per_(mwh|kwh)")
LIMIT_PER_MWH = 20_000.0  # above every market's cap; the highest known, Australia's, was 17 500 AUD/MWh in 2024
EMBER_TIME, EMBER_PRICE = "Datetime (UTC)", "Price (EUR/MWhe)"
CAISO_TIME, CAISO_PRICE = "Datetime (he)", "DA Price ($/kWh)"
CAISO_SERVICES = {
    "Reg Up Price ($/kW)": "regulation_up_usd_per_kw",
    "Reg Down Price ($/kW)": "regulation_down_usd_per_kw",
}
ENERGY = ("energy", "import", "export")


def read_prices(
    path: str | Path,
    zone: str,
    *,
    area: str | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    network_fee_per_mwh: float = 0.0,
    margin_per_mwh: float = 0.0,
    currency: str | None = "eur",
) -> pd.DataFrame:
    """Import and export price per interval, and what services earn where the file says so.

    path        the file; formats above
    zone        IANA zone of times without an offset, in our own format
    area        the bidding zone to take from a file with several ("Netherlands")
    start, end  the span that is wanted (UTC, end excluded); without them all that the file covers
    network_fee_per_mwh, margin_per_mwh   in the file's currency; they make import and export prices of an energy price.
                Our own format holds import prices: a missing export price is import − fee − margin.
    currency    the file must be in it; None takes any, and the column names say which

    Returns the columns `import_eur_per_mwh` and `export_eur_per_mwh` (or the file's currency), and those of
    `regulation_up_eur_per_mw`, `regulation_down_eur_per_mw` and `reserve_eur_per_mw` that the file has, indexed by
    valid_at (UTC), sorted, without gaps.
    Raises `MissingFile`, `UnknownFormat`, `MissingColumn`, `GapInSeries` (missing prices or intervals in the span),
    `OutsideData` (the span is not covered), `OutOfRange` (unit, currency, unreadable or conflicting values).
    """
    name = Path(path).name
    table, found = _per_mwh(_read(path, zone, area), name)
    if currency is not None and found != currency.lower():
        raise OutOfRange(
            f"{name}: prices are in {found.upper()}, wanted are {currency.upper()}. gridloop converts no currency: "
            f"convert the file, or ask for currency={found!r}.",
            found=found,
            wanted=currency,
        )
    table = _in_order(table, name)
    table = _span(table, start, end, name)
    bought, sold = f"import_{found}_per_mwh", f"export_{found}_per_mwh"
    services = table[[name for name in table.columns if name not in ENERGY]]
    if "energy" in table:
        table = pd.DataFrame(
            {bought: table["energy"] + network_fee_per_mwh, sold: table["energy"] - margin_per_mwh}, index=table.index
        )
    else:
        default = table["import"] - network_fee_per_mwh - margin_per_mwh
        table = pd.DataFrame({bought: table["import"], sold: table.get("export", default)}, index=table.index)
    above = table[sold] > table[bought]
    if above.any():
        raise OutOfRange(
            f"{name}: the export price is above the import price in {int(above.sum())} of {len(table)} intervals, "
            f"first at {table.index[above][0]}; importing and exporting at once would pay. Check the columns.",
            count=int(above.sum()),
            first=table.index[above][0],
        )
    return table.join(services.rename(columns=lambda name: f"{name}_{found}_per_mw"))


def _read(path: str | Path, zone: str, area: str | None) -> pd.DataFrame:
    """The file's price columns, named kind_currency_per_unit, indexed by time (UTC); those of services at the end."""
    header = read_text(path, "prices", nrows=0).columns
    text = read_text(path, "prices", sep=";" if header[0].startswith("Date;") else ",")
    name = Path(path).name
    if "valid_at" in text:
        return _read_own(text, name, zone)
    if EMBER_TIME in text:
        return _read_ember(text, name)
    if "Time of day" in text:
        return _read_smard(text, name, area)
    if CAISO_TIME in text:
        return _read_caiso(text, name)
    raise UnknownFormat(
        f"{name}: no price format has the columns {listed(list(text.columns))}. Known are ours (valid_at, "
        "import_eur_per_mwh[, export_eur_per_mwh]), Ember's, SMARD's and CAISO's.",
        columns=list(text.columns),
    )


def _read_own(text: pd.DataFrame, name: str, zone: str) -> pd.DataFrame:
    prices = sorted(
        (column for column in map(str, text.columns) if OWN.fullmatch(column)),
        key=lambda name: not name.startswith(ENERGY),
    )
    one = [column for column in map(str, text.columns) if ONE_PRICE.fullmatch(column)]
    if len(one) == 1 and not any(column.startswith(ENERGY) for column in prices):
        text, prices = text.rename(columns={one[0]: f"energy_{one[0]}"}), [f"energy_{one[0]}", *prices]
    elif not any(column.startswith("import_") for column in prices):
        raise MissingColumn(
            f"{name}: column import_eur_per_mwh is missing; there are {listed(list(text.columns))}. A price column is "
            "named import_ or export_, three letters of currency, and _per_mwh or _per_kwh; one without import_ and "
            "export_ is the price of energy both ways.",
            missing=["import_eur_per_mwh"],
            columns=list(text.columns),
        )
    clock, utc = clock_times(text["valid_at"], name)
    index = _ordered(clock, zone, name) if utc is None else pd.DatetimeIndex(utc)
    return pd.DataFrame({column: as_numbers(text[column], name) for column in prices}).set_axis(index)


def _read_ember(text: pd.DataFrame, name: str) -> pd.DataFrame:
    need([EMBER_PRICE], text, name)
    text = text[text[EMBER_TIME].notna()]  # the row between two pastes has no time
    countries = list(text["Country"].dropna().unique()) if "Country" in text else []
    if len(countries) > 1:
        raise UnknownFormat(
            f"{name}: prices of {len(countries)} countries ({listed(countries)}). Keep the rows of one.",
            countries=countries,
        )
    time = as_times(text[EMBER_TIME], name, ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"))
    table = as_numbers(text[EMBER_PRICE], name).to_frame("energy_eur_per_mwh")
    return table.set_axis(pd.DatetimeIndex(time).tz_localize("UTC"))


def _read_smard(text: pd.DataFrame, name: str, area: str | None) -> pd.DataFrame:
    areas = {column.split("[")[0].strip(): column for column in text.columns[2:]}
    if area is None and len(areas) == 1:
        area = next(iter(areas))
    if area not in areas:
        asked = "no area was named" if area is None else f"there is no area {area!r}"
        raise MissingColumn(
            f"{name}: {asked}; the file has {listed(list(areas), most=20)}. Name one as area.", areas=list(areas)
        )
    if not areas[area].endswith("[€/MWh]"):
        raise OutOfRange(f"{name}: column {areas[area]!r} is not in €/MWh. Export prices in €/MWh.", column=areas[area])
    stamp = (text["Date"] + " " + text["Time of day"]).rename("Date and Time of day")
    index = _ordered(as_times(stamp, name, ("%b %d, %Y %I:%M %p",)), "Europe/Berlin", name)
    cells = text[areas[area]].str.replace(",", "")
    published = np.flatnonzero(cells.ne("-"))
    if not len(published):
        raise OutsideData(f"{name}: no price of {area} in {len(cells)} rows. Name another area.", area=area)
    table = as_numbers(cells.where(cells != "-"), name).to_frame("energy_eur_per_mwh").set_axis(index)
    return table.iloc[published[0] : published[-1] + 1]


def _read_caiso(text: pd.DataFrame, name: str) -> pd.DataFrame:
    need([CAISO_PRICE], text, name)
    ends = pd.DatetimeIndex(as_times(text[CAISO_TIME], name, ("%m/%d/%Y %H:%M",)))
    table = as_numbers(text[CAISO_PRICE], name).to_frame("energy_usd_per_kwh")
    for column, service in CAISO_SERVICES.items():
        if column in text:
            table[service] = as_numbers(text[column], name)
    standard = dt.timezone(dt.timedelta(hours=-8))
    return table.set_axis((ends - pd.Timedelta(hours=1)).tz_localize(standard).tz_convert("UTC"))


def _ordered(clock: pd.Series, zone: str, name: str) -> pd.DatetimeIndex:
    """`to_utc`, with the file's name before its errors."""
    try:
        return to_utc(pd.DatetimeIndex(clock), zone)
    except BadInput as problem:
        raise type(problem)(f"{name}: {problem.args[0]}", **problem.facts) from None


def _per_mwh(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    """Columns energy or import and export, per MWh, services per MW, and their currency."""
    parts = {column: str(column).rsplit("_", 3) for column in table.columns}
    currencies = sorted({part[1] for part in parts.values()})
    if len(currencies) > 1:
        raise OutOfRange(f"{name}: prices in several currencies ({listed(currencies)}).", currencies=currencies)
    out = pd.DataFrame(
        {part[0]: table[column] * (1000.0 if part[3].startswith("kw") else 1.0) for column, part in parts.items()},
        index=table.index,
    )
    size = out.abs().max().max()
    if size > LIMIT_PER_MWH:
        raise OutOfRange(
            f"{name}: a price of {size:g} per MWh; allowed are ±{LIMIT_PER_MWH:g}. Is the unit in the column's "
            "name right?",
            largest=float(size),
            allowed=LIMIT_PER_MWH,
        )
    size = out[[kind for kind in out.columns if kind in ENERGY]].abs().max().max()
    if 0.0 < size < 2.0:
        raise OutOfRange(
            f"{name}: no price exceeds {size:g} per MWh: these look like prices per kWh. Name the column "
            f"{parts[table.columns[0]][0]}_{currencies[0]}_per_kwh if they are.",
            largest=float(size),
        )
    return out, currencies[0]


def _in_order(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Sorted by time; an interval that stands twice with the same prices is kept once."""
    table = table.set_axis(pd.DatetimeIndex(table.index).as_unit("ns").rename("valid_at"))
    once = table[~table.reset_index().duplicated().to_numpy()].sort_index()
    twice = once.index[once.index.duplicated()]
    if len(twice):
        raise OutOfRange(
            f"{name}: {len(twice)} intervals stand twice with different prices, first {twice[0]}. Remove one of each.",
            count=len(twice),
            first=twice[0],
        )
    return once


def usual_step(index: pd.DatetimeIndex) -> pd.Timedelta:
    """Length of the intervals: the usual distance of two starts; an hour where there is only one."""
    if len(index) < 2:
        return pd.Timedelta(hours=1)
    return pd.Timedelta(int(np.median(np.diff(index.as_unit("ns").asi8))), "ns")


def _span(table: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None, name: str) -> pd.DataFrame:
    """The intervals in force in [start, end), complete.

    Raises `OutsideData` where the file does not cover them, `GapInSeries` where prices or intervals are missing.
    """
    index = pd.DatetimeIndex(table.index)
    if index.empty:
        raise OutsideData(f"{name}: no prices.", rows=0)
    step = usual_step(index)
    first, last = index[0], index[-1] + step
    start, end = first if start is None else start, last if end is None else end
    if start < first or end > last:
        raise OutsideData(
            f"{name}: prices cover {first} to {last}, wanted are {start} to {end}.", first=first, last=last
        )
    begin = int(index.searchsorted(start, side="right")) - 1  # the interval that runs at `start`
    table = table.iloc[begin : int(index.searchsorted(end, side="left"))]
    require_complete(table, step, end=end, what=f"{name}: prices")
    return table
