"""Options that `forecast` and `backtest` share: one list of them, and how a command gets it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer


@dataclass(frozen=True)
class Options:
    """What was given on the command line, as it was given; each field is an option of that name."""

    file: Annotated[str, typer.Argument(help="CSV or Parquet file with a column of times and one of values.")]
    model: Annotated[str | None, typer.Option("--model", help="Way to forecast; the kind's own otherwise.")] = None
    column: Annotated[
        list[str] | None, typer.Option("--column", help="Column to forecast; may be repeated. The only one otherwise.")
    ] = None
    time: Annotated[str | None, typer.Option("--time", help="Column of times; one of a usual name otherwise.")] = None
    time_format: Annotated[
        str | None,
        typer.Option("--time-format", help="How times are written, such as '%d/%m/%Y %H:%M'; ISO otherwise."),
    ] = None
    zone: Annotated[
        str | None, typer.Option("--zone", help="Local clock of the days, such as Europe/Madrid; UTC otherwise.")
    ] = None
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="Zone of times without an offset; that of --zone otherwise.")
    ] = None
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="Of the values: W, kW, MW, GW, or kWh, … per interval; of prices any name."),
    ] = None
    step: Annotated[
        str | None, typer.Option("--step", help="Average rows into intervals of this length, such as 1h.")
    ] = None
    weather: Annotated[
        str | None,
        typer.Option(
            "--weather", help="File of weather: valid_at, known_at where it is a forecast, columns of values."
        ),
    ] = None
    weather_column: Annotated[
        list[str] | None,
        typer.Option("--weather-column", help="NAME=COLUMN of the weather, such as temperature=T2M; may be repeated."),
    ] = None
    fill_weather: Annotated[
        str, typer.Option("--fill-weather", help="Draw a line across gaps of weather up to so long.")
    ] = "0h"
    outside: Annotated[
        list[str] | None,
        typer.Option("--outside", help="Column of FILE with somebody else's forecast; may be repeated."),
    ] = None
    outside_before: Annotated[
        str, typer.Option("--outside-before", help="How long before its local midnight that is published.")
    ] = "12h"
    holidays: Annotated[
        str | None,
        typer.Option("--holidays", help="ISO country, with /SUBDIVISION if any, such as AU/VIC; or a file of dates."),
    ] = None
    capacity: Annotated[
        list[str] | None, typer.Option("--capacity", help="Rated power in the unit of the values, or COLUMN=VALUE.")
    ] = None
    latitude: Annotated[float | None, typer.Option("--latitude", help="Of a solar plant, degrees north.")] = None
    longitude: Annotated[float | None, typer.Option("--longitude", help="Of a solar plant, degrees east.")] = None
    trees: Annotated[int | None, typer.Option("--trees", min=1, help="Trees of boosted models: fewer are faster.")] = (
        None
    )
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all random numbers.")] = 0
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with all `Options` beside its own; it gets them as one argument, `options`."""
    hints = get_type_hints(Options, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(Options)
    ]
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "options"
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        command(options=Options(**{p.name: given.pop(p.name) for p in shared}), **given)

    # arguments come first, the command's own before FILE; then the options that are the command's own
    merged = sorted([*own, *shared], key=lambda p: p.default is not inspect.Parameter.empty)
    run.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]  # typer reads the command from it
    run.__annotations__ = {p.name: p.annotation for p in merged}
    del run.__wrapped__
    return run
