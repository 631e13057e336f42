"""Settings of a site: what a `site.toml` may say, its defaults, and what is said about a mistake in it."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from gridloop.errors import OutOfRange, listed
from gridloop.io.toml_file import read_toml
from gridloop.operate.island_settings import IslandSettings
from gridloop.operate.settings_values import build, plain

BUILT_IN = "simbench-semiurb"

DRILLS = ("missing", "stale", "frozen", "unit", "late", "early")
"""Faults of a drill: values that are marked as missing, do not come, hang, are a thousand times too large, or whose
stamps are an hour late or early."""


@dataclass(frozen=True)
class LoopSettings:
    """Cadence and horizon of the loop.

    step_min  length of a tick [min]
    horizon   [count, minutes] blocks of the planner's intervals
    ticks     stop after so many ticks; 0 runs the whole day
    """

    step_min: int = 15
    horizon: tuple[tuple[int, int], ...] = ((8, 15), (10, 60), (4, 180))
    ticks: int = 0


@dataclass(frozen=True)
class ForecastSettings:
    """model: "lightgbm" or "persistence"; history_days: how much of the past is used to learn."""

    model: str = "lightgbm"
    history_days: int = 120


@dataclass(frozen=True)
class ReadingSettings:
    """What the site's meters do to the truth.

    noise_pct      standard deviation of a power reading, of its value
    soc_noise_pct  standard deviation of a state of charge, of the capacity
    delay_s        from the end of an interval until its mean is known
    """

    noise_pct: float = 1.0
    soc_noise_pct: float = 0.2
    delay_s: float = 60.0


@dataclass(frozen=True)
class DrillSettings:
    """A fault planted in what the site's meters say, for an exercise; `gridloop.operate.drill` carries it out.

    fault     one of `DRILLS`; "" plants none
    elements  loads and generators whose meters have it: a pattern of their ids, such as "MV1.101 *"
    start_h   hours from the local midnight of the day to its beginning; below zero: before the day
    hours     how long it lasts
    """

    fault: str = ""
    elements: str = "*"
    start_h: float = 0.0
    hours: float = 24.0


@dataclass(frozen=True)
class LimitSettings:
    """Limits of the network where they differ from its tables.

    spread_weight  room kept for forecast errors in the interval that is sent, in distances from P50 to P90; of a
                   normal error 2 distances are 2.56 standard deviations: one interval in 200 goes beyond
    """

    loading_pct: float = 100.0
    v_min_pu: float | None = None
    v_max_pu: float | None = None
    spread_weight: float = 2.0


@dataclass(frozen=True)
class TariffSettings:
    """The dynamic tariff; formula in `gridloop.market.tariff`.

    prices  a file instead of the formula; area: the bidding zone to take from a file with several
    """

    prices: str = ""
    area: str = ""
    base_eur_per_mwh: float = 80.0
    slope_eur_per_mwh: float = 60.0
    floor_eur_per_mwh: float = -20.0
    cap_eur_per_mwh: float = 250.0
    network_fee_eur_per_mwh: float = 25.0
    margin_eur_per_mwh: float = 5.0
    co2_t_per_mwh: float = 0.527


@dataclass(frozen=True)
class EvSettings:
    """Vehicles: sessions drawn from the arrival model, or a file of sessions."""

    sessions: int = 0
    file: str = ""
    value_of_lost_charge: float = 5_000.0


@dataclass(frozen=True)
class DeviceSettings:
    """What the network's tables do not say about its devices; money per MWh unless named.

    curtailment_cost   compensation of energy not taken
    reactive_share     reactive power an inverter offers, of its rated power (VDE-AR-N 4110: 0.33)
    initial_soc        state of charge of every battery at the start of the day
    degradation_cost   wear per MWh discharged
    tap_move_cost      money per step of a tap changer
    value_of_lost_load
    """

    curtailment_cost: float = 100.0
    reactive_share: float = 0.33
    reactive_cost: float = 0.1
    initial_soc: float = 0.5
    degradation_cost: float = 5.0
    tap_move_cost: float = 2.0
    value_of_lost_load: float = 10_000.0


@dataclass(frozen=True)
class ConnectionSettings:
    """The connection to the grid above; an import beyond the contracted peak costs `peak_price_per_mw`."""

    import_limit_mw: float = float("inf")
    export_limit_mw: float = float("inf")
    contracted_peak_mw: float | None = None
    peak_price_per_mw: float = 0.0


@dataclass(frozen=True)
class SiteSettings:
    """Everything a run needs to know about a site.

    network, profiles  files or codes, relative to the file they stand in
    day                the local day that is run
    island             a drill in which the connection opens unannounced; None plans none
    """

    name: str
    network: str
    profiles: str
    timezone: str
    day: dt.date
    seed: int = 1
    loop: LoopSettings = field(default_factory=LoopSettings)
    forecast: ForecastSettings = field(default_factory=ForecastSettings)
    readings: ReadingSettings = field(default_factory=ReadingSettings)
    drill: DrillSettings = field(default_factory=DrillSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    tariff: TariffSettings = field(default_factory=TariffSettings)
    ev: EvSettings = field(default_factory=EvSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)
    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    island: IslandSettings | None = None
    folder: str = "."

    def __post_init__(self) -> None:
        if self.timezone not in available_timezones():
            raise OutOfRange(f"timezone {self.timezone!r} is unknown; give an IANA name such as Europe/Berlin.")
        if self.forecast.model not in ("lightgbm", "persistence"):
            raise OutOfRange(f"[forecast] model is {self.forecast.model!r}; allowed are lightgbm and persistence.")
        if self.drill.fault not in ("", *DRILLS):
            raise OutOfRange(f"[drill] fault is {self.drill.fault!r}; allowed are {listed(list(DRILLS), 6)}.")
        for (section, key), least in _LEAST.items():
            value = getattr(getattr(self, section) if section else self, key)
            if value is not None and value < least:
                raise OutOfRange(f"{f'[{section}] ' if section else ''}{key} is {value}; allowed is {least} and above.")
        if 60 % self.loop.step_min:
            raise OutOfRange(f"[loop] step_min is {self.loop.step_min}; it must divide an hour.")
        if not self.loop.horizon or any(count < 1 for count, _ in self.loop.horizon):
            raise OutOfRange("[loop] horizon must hold [count, minutes] pairs with counts of 1 and above.")
        first = self.loop.horizon[0]
        if first[1] != self.loop.step_min or any(minutes % self.loop.step_min for _, minutes in self.loop.horizon):
            raise OutOfRange(
                f"[loop] horizon must begin with intervals of step_min = {self.loop.step_min} minutes, and all others "
                "must be whole multiples of it."
            )
        if not 0 <= self.devices.initial_soc <= 1:
            raise OutOfRange(f"[devices] initial_soc is {self.devices.initial_soc}; allowed is 0 … 1.")

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone: local time exists only at the edge (convention 4)."""
        return ZoneInfo(self.timezone)

    def path(self, name: str) -> str:
        """A file named in the settings, seen from where they were read; codes stay as they are."""
        if ":" in name.split("/")[0] or Path(name).is_absolute():
            return name
        return str(Path(self.folder) / name)


# The least that is allowed, by section and key.
_LEAST: Mapping[tuple[str, str], float] = {
    ("", "seed"): 0,
    ("loop", "step_min"): 1,
    ("loop", "ticks"): 0,
    ("forecast", "history_days"): 1,
    ("readings", "noise_pct"): 0,
    ("readings", "soc_noise_pct"): 0,
    ("readings", "delay_s"): 0,
    ("drill", "hours"): 0,
    ("limits", "loading_pct"): 1,
    ("limits", "spread_weight"): 0,
    ("ev", "sessions"): 0,
    ("ev", "value_of_lost_charge"): 0,
    ("devices", "curtailment_cost"): 0,
    ("devices", "reactive_share"): 0,
    ("devices", "reactive_cost"): 0,
    ("devices", "degradation_cost"): 0,
    ("devices", "tap_move_cost"): 0,
    ("devices", "value_of_lost_load"): 0,
    ("connection", "import_limit_mw"): 0,
    ("connection", "export_limit_mw"): 0,
    ("connection", "contracted_peak_mw"): 0,
    ("connection", "peak_price_per_mw"): 0,
}


def read_site(path: str | Path | None = None) -> SiteSettings:
    """Settings of a site from a TOML file; None reads the built-in one.

    Raises `MissingFile`, or `BadInput` naming the key and what is allowed.
    """
    if path is None:
        data = tomllib.loads(files("gridloop.operate").joinpath(f"sites/{BUILT_IN}.toml").read_text("utf-8"))
        name, folder = BUILT_IN, "."
    else:
        file = Path(path)
        data = read_toml(
            path, f"There is no site file {str(path)!r}. Name a TOML file, or leave it out for the built-in site."
        )
        # Absolute, so that a run can be resumed from anywhere.
        name, folder = file.name, str(file.parent.resolve())
    return site_from_dict({"folder": folder, **data}, name)


def site_from_dict(data: Mapping[str, Any], name: str = "site") -> SiteSettings:
    """Settings from nested values, every key checked."""
    return build(SiteSettings, data, name, "")  # type: ignore[no-any-return]


def site_to_dict(site: SiteSettings) -> dict[str, Any]:
    """Settings as plain values that JSON keeps exactly; the inverse of `site_from_dict`."""
    return plain(site)  # type: ignore[no-any-return]
