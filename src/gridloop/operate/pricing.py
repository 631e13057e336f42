"""The price board of a run: published day by day, from the tariff's formula or a file, with the time of publication."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

import pandas as pd

from gridloop.forecast.value import Forecast
from gridloop.market.tariff import DynamicTariff, expected_prices, publication_time
from gridloop.operate.decide.known import Groups
from gridloop.operate.settings import SiteSettings
from gridloop.series.clock import local_day

COLUMNS = ["import_eur_per_mwh", "export_eur_per_mwh"]


class Forecasts(Protocol):
    """What the board needs of an outlook."""

    def forecast(self, power: pd.DataFrame, at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> Forecast: ...


class PriceBoard:
    """All prices known so far."""

    def __init__(
        self, settings: SiteSettings, groups: Groups, scale_mw: float, from_file: pd.DataFrame | None = None
    ) -> None:
        """from_file: prices as published (with known_at); then the formula is not used."""
        self.settings, self.groups, self.scale = settings, groups, scale_mw
        self.from_file = from_file
        self.published = _nothing() if from_file is None else from_file
        self._days: set[dt.date] = set()

    def publish_due(self, at: pd.Timestamp, power: pd.DataFrame, outlook: Forecasts) -> pd.DataFrame:
        """Publish the tariff of every day that is due at `at` and not yet out; the new rows, in the store's columns."""
        if self.from_file is not None:
            return _rows(_nothing())
        today = at.tz_convert(self.settings.timezone).date()
        new = [
            self._publish(day, publication_time(day, self.settings.timezone), power, outlook)
            for day in (today, today + dt.timedelta(days=1))
            if day not in self._days and publication_time(day, self.settings.timezone) <= at
        ]
        if not new:
            return _rows(_nothing())
        self.published = pd.concat([self.published, *new]) if len(self.published) else pd.concat(new)
        return _rows(pd.concat(new))

    def _publish(self, day: dt.date, known_at: pd.Timestamp, power: pd.DataFrame, outlook: Forecasts) -> pd.DataFrame:
        """The tariff of one local day, from the forecast as it was at the time of publication."""
        valid_at = local_day(day, self.settings.timezone, pd.Timedelta(minutes=self.settings.loop.step_min))
        forecast = outlook.forecast(power, known_at, valid_at).p50()
        sign = pd.Series({point: 1.0 if kind == "load" else -1.0 for point, kind in self.groups.kind.items()})
        residual = (forecast * sign.reindex(forecast.columns)).sum(axis=1)
        t = self.settings.tariff
        tariff = DynamicTariff(
            self.scale,
            t.base_eur_per_mwh,
            t.slope_eur_per_mwh,
            t.floor_eur_per_mwh,
            t.cap_eur_per_mwh,
            t.network_fee_eur_per_mwh,
            t.margin_eur_per_mwh,
        )
        self._days.add(day)
        return tariff.publish(residual, known_at=known_at)

    def restore(self, published: pd.DataFrame) -> None:
        """Take back what a stored run had published."""
        if self.from_file is None and len(published):
            self.published = published
            self._days = set(pd.DatetimeIndex(published.index).tz_convert(self.settings.timezone).date)

    def at(self, at: pd.Timestamp, valid_at: pd.DatetimeIndex) -> pd.DataFrame:
        """Prices of the wanted intervals as they are known, or expected, at `at`."""
        return expected_prices(self.published, valid_at, at=at, zone=self.settings.timezone)[COLUMNS]


def _nothing() -> pd.DataFrame:
    index = pd.DatetimeIndex([], tz="UTC", name="valid_at").as_unit("ns")
    return pd.DataFrame({c: pd.Series(dtype=float) for c in COLUMNS}, index=index).assign(
        known_at=pd.DatetimeIndex([], tz="UTC").as_unit("ns"), expected=False
    )


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[[*COLUMNS, "known_at"]].rename_axis("valid_at").reset_index()
