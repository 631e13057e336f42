"""Prices of a compressor station's study: of --prices, or of [prices] in its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridloop.cli.schedule_values import finite
from gridloop.cli.study_parts import MONEY, prices_of
from gridloop.errors import BadInput, GapInSeries, OutsideData, listed
from gridloop.operate.studies.compressor_weeks import Demand
from gridloop.optimize.compressors.demand import INTERVAL_S

KEYS = ("file", "area", "per_mwh", "currency")
MOST_YEARS = 20
"""Years before a made-up week in which prices are looked for."""


def prices_for(
    option: Path | None, area: str | None, given: Mapping[str, Any], name: str, folder: Path, demand: Demand
) -> tuple[pd.Series, str] | None:
    """Money per MWh, UTC, and its currency; None where nobody gives any.

    option, area  of the command: they take the place of the file's
    given         the section [prices]: a file with its area, or per_mwh, one number for all times, and its currency
    name, folder  of the station's file, for messages and for paths

    Raises `BadInput`, `MissingFile`, and as `read_prices`.
    """
    if option is not None:
        return _read(option, area, demand)
    if not given:
        return None
    where = f"{name}: [prices]"
    unknown = sorted(set(given) - set(KEYS))
    if unknown:
        raise BadInput(f"{where} has no key {listed(unknown)}; allowed are {', '.join(KEYS)}.", keys=unknown)
    if ("file" in given) == ("per_mwh" in given):
        raise BadInput(f"{where} needs file or per_mwh, one of them.", key="file")
    if "file" in given:
        if "currency" in given:
            raise BadInput(f"{where} currency: the file says it itself; leave it out.", key="currency")
        return _read(folder / str(given["file"]), given.get("area"), demand)
    return pd.Series(finite(given["per_mwh"], f"{where} per_mwh"), index=_judged(demand)), str(
        given.get("currency", MONEY)
    )


def _read(file: Path, area: str | None, demand: Demand) -> tuple[pd.Series, str]:
    """Prices of the judged weeks, or, for made-up ones, of the last years before that the file has without a gap."""
    index = _judged(demand)
    start, end = index[0], index[-1] + pd.Timedelta(seconds=INTERVAL_S)
    if demand.recorded:
        table, currency = prices_of(file, demand.zone, area=area, start=start, end=end)
        return table["import_eur_per_mwh"], currency
    for years in range(MOST_YEARS):
        back = years * pd.Timedelta(weeks=52)
        try:
            table, currency = prices_of(file, demand.zone, area=area, start=start - back, end=end - back)
        except (OutsideData, GapInSeries):
            continue
        return table["import_eur_per_mwh"], currency
    table, currency = prices_of(file, demand.zone, area=area)
    return table["import_eur_per_mwh"], currency


def _judged(demand: Demand) -> pd.DatetimeIndex:
    """Quarters of an hour of the weeks that are judged."""
    return pd.DatetimeIndex(np.concatenate([week.mean.index for week in demand.weeks[demand.learn :]]))
