"""The table of a compressor in a file (TOML): full flow and power, or the points of its data sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from gridloop.cli.schedule_values import finite, only, truth
from gridloop.errors import BadInput, GridloopError, OutOfRange, listed
from gridloop.optimize.compressors.machine import Compressor

Made = TypeVar("Made")

KINDS = {"fixed_speed": "fixed", "variable_speed": "variable", "modulating": "modulating"}
"""Kind of a machine in the file → its control."""
MACHINE_NEEDED = ("id", "kind", "flow", "kw")
MACHINE = (*MACHINE_NEEDED, "idle_kw", "rated_bar", "pressure_effect", "start_kwh", "start_cost", "min_on_h",
           "min_off_h", "wear_per_h", "start_s", "blowdown_s")  # fmt: skip


def compressor_of(
    name: str, section: str, given: Mapping[str, Any], place: int, *, more: Sequence[str] = ()
) -> Compressor:
    """One machine of a file.

    name     of the file
    section  of the machine, as it is written: "[[machine]]"
    place    counted from 0, for one that does not say its id
    more     further fields of `Compressor` that the file may give, such as its state before a plan

    Raises `BadInput` and `OutOfRange`, each with the place in the file.
    """
    label = given.get("id", place + 1)
    where, allowed = f"{name}: {section} {label}", (*MACHINE, *more)
    only(where, given, allowed)
    need_all(where, given, MACHINE_NEEDED)
    ident, kind, flow, kw = (given[key] for key in MACHINE_NEEDED)
    if not isinstance(ident, str) or not ident:
        raise BadInput(f"{where}: id is {ident!r}; a text is needed.", key="id")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadInput(f"{where}: kind is {kind!r}; allowed are {', '.join(KINDS)}.", key="kind")
    rest: dict[str, Any] = {
        key: truth(given[key], f"{where} {key}") if key == "on_before" else finite(given[key], f"{where} {key}")
        for key in allowed
        if key in given and key not in MACHINE_NEEDED
    }
    if isinstance(flow, list) != isinstance(kw, list):
        raise BadInput(f"{where}: flow and kw must both be one number, or both lists of points.", key="flow")
    if not isinstance(flow, list):
        full = finite(flow, f"{where} flow"), finite(kw, f"{where} kw")
        maker: Callable[..., Compressor] = getattr(Compressor, kind)
        return made(where, maker, ident, *full, **rest)
    points = [[finite(v, f"{where} {key}") for v in given[key]] for key in ("flow", "kw")]
    if "idle_kw" not in rest:
        raise BadInput(f"{where} lacks idle_kw: a curve of points needs the power idle too.", key="idle_kw")
    return made(where, Compressor, ident, KINDS[kind], *points, **rest)


def need_all(where: str, given: Mapping[str, Any], needed: Sequence[str]) -> None:
    """Raises `BadInput` for a key that is not there, with all that are needed."""
    missing = [key for key in needed if key not in given]
    if missing:
        raise BadInput(f"{where} lacks {listed(missing)}; needed are {', '.join(needed)}.", keys=missing)


def made(where: str, maker: Callable[..., Made], *values: Any, **fields: Any) -> Made:
    """What a class makes of values; what it refuses is said with the place in the file. Raises `OutOfRange`."""
    try:
        return maker(*values, **fields)
    except GridloopError as error:
        raise OutOfRange(f"{where}: {error.args[0]}", **error.facts) from error
