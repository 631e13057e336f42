"""Profiles: measured or recorded power of every load and generator over time, from a SimBench code or a folder of CSV.

A folder holds `load_mw.csv`, `load_mvar.csv` (optional) and `generation_mw.csv` (optional): the first column is
`valid_at` (with an offset or in UTC), each further column is named after an element. Rows that are left out are gaps,
as empty values are. Groups of elements that follow one profile come from the network's `profile` columns.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from gridloop.errors import GapInSeries, MissingColumn, MissingFile, OutOfRange, OutsideData, UnknownFormat, listed
from gridloop.io.columns import BLANK, as_numbers, clock_times, need
from gridloop.io.simbench import Profiles, read_simbench_with_profiles
from gridloop.network.model import Network
from gridloop.series.resample import resample

SIMBENCH = "simbench:"
FAR_ABOVE_NOMINAL = 100.0


def read_network_with_profiles(network: str, profiles: str) -> tuple[Network, Profiles]:
    """A network and the profiles of its elements; a SimBench code that serves both is read once."""
    from gridloop.io.read import read_balanced

    if network == profiles and network.startswith(SIMBENCH):
        return read_simbench_with_profiles(network.removeprefix(SIMBENCH))
    net = read_balanced(network)
    return net, read_profiles(profiles, net)


def read_profiles(path: str, net: Network) -> Profiles:
    """Profiles of a network's elements from a folder of CSV files or a SimBench code.

    Raises `MissingFile`, `MissingColumn` (elements without a series), `GapInSeries` (times that are not regular),
    `OutOfRange` (times or numbers that cannot be read, kW for MW).
    """
    if path.startswith(SIMBENCH):
        return _of_elements(read_simbench_with_profiles(path.removeprefix(SIMBENCH))[1], net, path)
    folder = Path(path)
    if not folder.is_dir():
        raise MissingFile(f"There is no folder of profiles {path!r}. It must hold load_mw.csv and generation_mw.csv.")
    load = _read(folder / "load_mw.csv", list(net.load.index))
    reactive = folder / "load_mvar.csv"
    # Without a reactive series, loads keep the power factor of their table.
    ratio = (net.load["q_mvar"] / net.load["p_mw"].where(net.load["p_mw"] != 0)).fillna(0.0)
    q = _read(reactive, list(net.load.index)) if reactive.is_file() else load * ratio.to_numpy()
    generation = (
        _read(folder / "generation_mw.csv", list(net.generator.index))
        if len(net.generator)
        else pd.DataFrame(index=load.index)
    )
    if not (load.index.equals(q.index) and load.index.equals(generation.index)):
        raise GapInSeries(f"The files of {path!r} cover different times; all must have the same rows of valid_at.")
    _require_megawatts(load, net.load["p_mw"], "load_mw.csv")
    rated = net.generator[["p_mw", "s_rated_mva", "p_max_mw"]].abs().max(axis=1)
    _require_megawatts(generation, rated, "generation_mw.csv")
    group = pd.concat([net.load["profile"], net.generator["profile"], net.storage["profile"]])
    group = group.where(group.notna() & (group != ""), pd.Series(group.index, index=group.index))
    storage = pd.DataFrame(index=load.index, columns=pd.Index([], name="id"))
    return Profiles(load, q, generation, storage, group.rename_axis("id").rename("profile"))


def _of_elements(profiles: Profiles, net: Network, name: str) -> Profiles:
    """The series of the network's own elements, in their order."""
    for table, series in ((net.load, profiles.load_mw), (net.generator, profiles.generation_mw)):
        missing = [str(i) for i in table.index if i not in series.columns]
        if missing:
            raise MissingColumn(
                f"{name} has no series for {len(missing)} of {len(table)} elements ({listed(missing)}). Name profiles "
                "of the same grid.",
                missing=missing,
            )
    loads, generators = list(net.load.index), list(net.generator.index)
    return replace(
        profiles,
        load_mw=profiles.load_mw[loads],
        load_mvar=profiles.load_mvar[loads],
        generation_mw=profiles.generation_mw[generators],
    )


def _read(file: Path, ids: list[str]) -> pd.DataFrame:
    """Columns of `ids` on a regular clock; rows that are absent hold NaN. [time, id]"""
    if not file.is_file():
        raise MissingFile(f"There is no profile file {str(file)!r}. It must hold valid_at and a column per element.")
    try:
        table = pd.read_csv(file, dtype={"valid_at": str}, encoding="utf-8-sig", na_values=BLANK)
    except (ValueError, UnicodeDecodeError) as error:
        raise UnknownFormat(f"{file.name} is not a readable CSV file: {error}.") from error
    need(["valid_at", *ids], table, file.name)
    clock, utc = clock_times(table["valid_at"], file.name)
    index = pd.DatetimeIndex(clock.dt.tz_localize("UTC") if utc is None else utc, name="valid_at").as_unit("ns")
    numbers = pd.DataFrame({name: as_numbers(table[name], file.name) for name in ids}, columns=pd.Index(ids, name="id"))
    return numbers.set_axis(index, axis=0).reindex(_regular(index, file.name))


def _regular(index: pd.DatetimeIndex, name: str) -> pd.DatetimeIndex:
    """The clock the rows lie on, without a hole. Raises `GapInSeries` where they lie on none."""
    apart = index[1:] - index[:-1]
    step = pd.Timedelta(apart.to_series().median()) if len(apart) else pd.Timedelta(0)
    if step <= pd.Timedelta(0):
        raise GapInSeries(f"{name}: {len(index)} rows whose times do not rise; at least two, in order, are needed.")
    odd = (apart <= pd.Timedelta(0)) | (apart % step != pd.Timedelta(0))
    if odd.any():
        raise GapInSeries(
            f"{name}: {int(odd.sum())} of {len(index)} rows are not a whole number of steps of {step} after the row "
            f"before, first {index[1:][odd][0]}. Sort the rows, keep one of each time, or resample them.",
            count=int(odd.sum()),
            first=index[1:][odd][0],
        )
    return pd.date_range(index[0], index[-1], freq=step, name="valid_at", unit="ns")


def _require_megawatts(table: pd.DataFrame, nominal: pd.Series, name: str) -> None:
    """Raises `OutOfRange` where most elements carry far more than the network's tables give them: kW for MW."""
    most, rated = table.abs().max(), nominal.abs()
    known = rated[(rated > 0) & most.reindex(rated.index).notna()]
    if not len(known):
        return
    ratio = most.reindex(known.index) / known
    high = ratio[ratio > FAR_ABOVE_NOMINAL]
    if 2 * len(high) >= len(known):
        raise OutOfRange(
            f"{name}: {len(high)} of {len(known)} elements carry more than {FAR_ABOVE_NOMINAL:g} times their nominal "
            f"power ({listed([str(i) for i in high.index])}; up to {most[high.index].max():g} MW). This looks like kW: "
            "divide by 1000.",
            elements=[str(i) for i in high.index],
        )


def covered(profiles: Profiles, start: pd.Timestamp, end: pd.Timestamp, zone: str) -> None:
    """Raises `OutsideData` where the profiles do not cover [start, end)."""
    index = profiles.load_mw.index
    step = index[1] - index[0]
    if start < index[0] or end > index[-1] + step:
        first, last = index[0].tz_convert(zone), (index[-1] + step).tz_convert(zone)
        raise OutsideData(
            f"The day {start.tz_convert(zone):%Y-%m-%d} is outside the profiles: they cover "
            f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}. Choose a day in between.",
            first=first,
            last=last,
        )


def at_step(profiles: Profiles, start: pd.Timestamp, step: pd.Timedelta) -> Profiles:
    """The profiles as means over intervals of `step`, counted from `start`; their energy is kept."""
    index = pd.DatetimeIndex(profiles.load_mw.index)
    own = index[1] - index[0]
    if own == step:
        return profiles
    before, after = (start - index[0]) // step, (index[-1] + own - start) // step
    edges = pd.date_range(start - before * step, periods=before + after + 1, freq=step, unit="ns")
    parts = (profiles.load_mw, profiles.load_mvar, profiles.generation_mw, profiles.storage_mw)
    load, reactive, generation, storage = (resample(part, edges, step=own).rename_axis("valid_at") for part in parts)
    return Profiles(load, reactive, generation, storage, profiles.group)
