"""What the options ask: series, weather, model and what it is made for; read and checked before anything else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from gridloop.cli.forecast_file import gap_notes, read_series, read_table
from gridloop.cli.forecast_given import Options
from gridloop.cli.forecast_kind import Kind
from gridloop.cli.forecast_models import Model, Task, chosen
from gridloop.cli.forecast_times import moments
from gridloop.cli.forecast_units import Unit
from gridloop.cli.forecast_weather import read_outside, read_weather
from gridloop.errors import BadInput, MissingFile, OutOfRange, listed
from gridloop.forecast.features.holidays import holidays_of
from gridloop.forecast.known.record import Record
from gridloop.series.clock import zone as checked_zone


@dataclass(frozen=True)
class Asked:
    """What the options ask.

    values   UTC valid_at × column, in the unit of forecasters (MW), without empty rows at either end
    weather, outside  with the times at which they were known
    """

    file: str
    kind: Kind
    model_name: str
    model: Model
    unit: Unit
    zone: str
    values: pd.DataFrame
    step: pd.Timedelta
    weather: Record | None
    outside: Mapping[str, Record] | None
    task: Task
    notes: tuple[str, ...]

    @property
    def end(self) -> pd.Timestamp:
        """End of the last interval with a value (UTC)."""
        return pd.Timestamp(self.values.index.max()) + self.step


def length(text: str, option: str) -> pd.Timedelta:
    """A length of time, zero or more. Raises `BadInput`."""
    try:
        found = pd.Timedelta(text)
    except ValueError:
        found = pd.NaT  # type: ignore[assignment]
    if pd.isna(found) or found < pd.Timedelta(0):
        raise BadInput(f"{option} {text!r} is no length of time; write it like 30min, 12h or 2d.")
    return found


def asked_for(options: Options, kind: Kind, *, before: pd.Timedelta, longest: pd.Timedelta, days: int = 1) -> Asked:
    """Read everything that the options name.

    before   how long before its midnight a day is issued
    longest  from an issue to the end of what is forecast
    days     local days that each issue covers

    Raises `BadInput` and its kinds; nothing is computed yet. Capacities that are not given come by `with_capacity`,
    once the first issue is known.
    """
    name = options.model or kind.default
    model = chosen(kind.models, name, kind.name)
    unit = kind.read_unit(options.unit or kind.unit)
    place_name = checked_zone(options.zone or "UTC").key
    clock = options.time_zone or options.zone
    if clock is not None:
        checked_zone(clock)
    step = None if options.step is None else length(options.step, "--step")
    series = read_series(
        options.file,
        time=options.time,
        columns=(options.column or ()),
        zone_name=clock,
        form=options.time_format,
        step=step,
    )
    if unit.energy and series.row is None:
        raise BadInput(f"--unit {options.unit} is energy per interval, and the rows have several lengths; give powers.")
    _on_the_hour(series.values.index, place_name, series.step)
    values = _within(unit.inwards(series.values, series.row or series.step))
    notes = [*series.notes, *gap_notes(values, series.step)]
    if options.zone is None:
        notes.append("Days are those of UTC; --zone names the local clock.")
    weather, said = _weather(options, model, name, clock, series.step, longest)
    points = tuple(str(c) for c in values.columns)
    outside = _outside(options, model, name, points, clock, place_name, series.row or series.step, unit, days)
    task = Task(
        points=points,
        zone=place_name,
        before=before,
        holidays=_holidays(options.holidays, values.index),
        capacity=_capacity(options.capacity or (), unit, points),
        place=_place(options.latitude, options.longitude),
        step=series.step,
        trees=options.trees,
        seed=options.seed,
        days=days,
        weather=weather,
        published_before=kind.published_before,
    )
    return Asked(
        file=options.file, kind=kind, model_name=name, model=model, unit=unit, zone=place_name,
        values=values, step=series.step, weather=weather, outside=outside, task=task, notes=(*notes, *said),
    )  # fmt: skip


def with_capacity(asked: Asked, until: pd.Timestamp | None) -> Asked:
    """The same with a capacity for every point of a kind that needs one: the highest value that was over at `until`.

    until  the first issue (UTC): a later value is not known to any forecast; None: all values

    Raises `OutOfRange` where no value above zero was over.
    """
    values, unit = asked.values, asked.unit
    if until is not None:
        values = values[pd.DatetimeIndex(values.index) + asked.step <= until]
    lacks = [p for p in asked.task.points if p not in asked.task.capacity] if asked.kind.needs_capacity else []
    if values.empty or not lacks:  # nothing known is refused elsewhere
        return asked
    highest = {p: float(values[p].max()) for p in lacks}
    if none := [p for p, v in highest.items() if not v > 0.0]:
        raise OutOfRange(f"{listed(none)}: no value above zero before the first issue; give --capacity.", points=none)
    notes = [
        f"Capacity of {p} taken as its highest value before the first issue, "
        f"{unit.number(unit.outwards(v), size=unit.outwards(v))} {unit.name}; --capacity says otherwise."
        for p, v in highest.items()
    ]
    task = replace(asked.task, capacity={**asked.task.capacity, **highest})
    return replace(asked, task=task, notes=(*asked.notes, *notes))


def _on_the_hour(index: pd.Index, name: str, step: pd.Timedelta) -> None:
    """Raises `OutOfRange` where local days begin within an interval, as those of India do with hourly values."""
    utc = pd.DatetimeIndex(index)
    offset = utc.tz_convert(name).tz_localize(None).as_unit("ns").asi8 - utc.as_unit("ns").asi8
    off = offset[offset % step.value != 0]
    if len(off):
        finer = [told for told in ("30min", "15min") if not (off % pd.Timedelta(told).value).any()]
        raise OutOfRange(
            f"days of {name} begin {pd.Timedelta(int(off[0] % step.value), 'ns') / pd.Timedelta('1min'):g} min within "
            f"an interval of {step / pd.Timedelta('1min'):g} min (UTC): no day is a whole number of these. Give values "
            f"every {' or '.join(finer)}; means over longer intervals would shift them.",
            zone=name,
        )


def _within(values: pd.DataFrame) -> pd.DataFrame:
    """Without the rows before the first and after the last value."""
    full = values.notna().any(axis=1).to_numpy().nonzero()[0]
    return values.iloc[full[0] : full[-1] + 1]


def _weather(
    options: Options, model: Model, name: str, clock: str | None, step: pd.Timedelta, ahead: pd.Timedelta
) -> tuple[Record | None, list[str]]:
    if options.weather is None and not (options.weather_column or ()):
        return None, []
    if not model.weather:
        raise BadInput(f"model {name!r} makes no use of weather; leave --weather out, or choose another by --model.")
    same = options.weather is None or Path(options.weather).resolve() == Path(options.file).resolve()
    if same and not (options.weather_column or ()):
        raise BadInput("--weather is FILE itself; name its columns by --weather-column, such as temperature=T2M.")
    return read_weather(
        options.weather or options.file,
        columns=(options.weather_column or ()),
        time=options.time if same else None,
        zone_name=clock,
        form=options.time_format,
        step=step,
        ahead=ahead,
        fill=length(options.fill_weather, "--fill-weather"),
    )


def _outside(
    options: Options, model: Model, name: str, points: tuple[str, ...], clock: str | None, local: str,
    step: pd.Timedelta, unit: Unit, days: int,
) -> dict[str, Record] | None:  # fmt: skip
    if not options.outside:
        if model.outside == "needed":
            raise BadInput(f"model {name!r} mends somebody else's forecast; name its column by --outside.")
        return None
    if not model.outside:
        raise BadInput(f"model {name!r} takes no forecasts made elsewhere; leave --outside out.")
    if len(points) > 1:
        raise BadInput(f"--outside is of one column to forecast; there are {listed(list(points))}.")
    if days > 1:
        raise BadInput(f"--outside covers the day that it is published for; --days {days} need more. Leave one out.")
    raw = read_table(options.file)
    index, _ = moments(raw.columns[raw.time(options.time)], zone_name=clock, form=options.time_format, where=raw.where)
    before = length(options.outside_before, "--outside-before")
    found = read_outside(raw, options.outside, index, points[0], zone_name=local, before=before)
    return {n: Record(unit.inwards(r.values, step), r.known_at, r.note) for n, r in found.items()}


def _place(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    if (latitude is None) != (longitude is None):
        raise BadInput("--latitude and --longitude belong together; give both.")
    return None if latitude is None or longitude is None else (latitude, longitude)


def _capacity(given: Sequence[str], unit: Unit, points: tuple[str, ...]) -> dict[str, float]:
    """Per point, of those that are given [MW]."""
    found: dict[str, float] = {}
    for part in given:
        name, _, text = part.rpartition("=")
        try:
            value = float(text) * unit.inside
        except ValueError:
            raise BadInput(f"--capacity {part!r} is no number, and no COLUMN=NUMBER.") from None
        if not 0.0 < value < float("inf"):
            raise OutOfRange(f"--capacity {part!r} must be above zero.")
        if name and name not in points:
            raise BadInput(f"--capacity names {name!r}; forecast are {listed(list(points))}.")
        found |= dict.fromkeys([name] if name else points, value)
    return found


def _holidays(given: str | None, index: pd.Index) -> frozenset[dt.date]:
    """Dates of a country, or of a file with one per line."""
    if given is None:
        return frozenset()
    years = range(pd.Timestamp(index.min()).year - 1, pd.Timestamp(index.max()).year + 3)
    if Path(given).suffix.lower() in (".csv", ".txt"):
        return _dates(Path(given))
    country, _, part = given.partition("/")
    try:
        return holidays_of(country.upper(), years, part.upper() or None)
    except NotImplementedError as error:
        raise BadInput(
            f"--holidays {given!r}: {' '.join(str(error).split())} Write an ISO code such as ES or AU/VIC, or the "
            "name of a file of dates."
        ) from error


def _dates(file: Path) -> frozenset[dt.date]:
    if not file.is_file():
        raise MissingFile(f"no file {str(file)!r} of holidays; check the path.", path=str(file))
    try:
        lines = [line.split(",")[0].strip() for line in file.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInput(f"{file.name} is no text in UTF-8: {error}.") from error
    found, wrong = set(), []
    for number, text in enumerate(lines, start=1):
        try:
            found.add(dt.date.fromisoformat(text[:10]))
        except ValueError:
            if text and number > 1:  # the first line may be a heading
                wrong.append(f"{number} ({text!r})")
    if wrong or not found:
        raise BadInput(f"{file.name}: {len(wrong)} lines are no dates ({listed(wrong)}). Write them like 2014-12-25.")
    return frozenset(found)
