"""SimBench grids and their year of profiles (the extra `simbench`).

SimBench labels its profiles in the local time of Germany; here they are UTC like everything else. Its storage profiles
are what a household's battery and roof feed in together, so that they discharge all year; plan storage yourself and use
them only as a shape. Source: Meinecke et al., "SimBench: A Benchmark Dataset of Electric Power Systems", Energies 13
(2020) 3290.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import pandas as pd

from gridloop.errors import BadInput, MissingExtra, UnknownFormat, listed
from gridloop.io.pandapower_net import element_ids, from_pandapower
from gridloop.network.model import Network

PREFIX = "simbench:"
ZONE = "Europe/Berlin"
STEP = pd.Timedelta(minutes=15)

# The renewables of an aggregated low-voltage grid: every such profile is zero at night and follows the PV profiles
# (correlation above 0.85, and none with wind), so they are roofs. tests/io/test_simbench.py checks it.
_ROOFS = "lv_"


@dataclass(frozen=True)
class Profiles:
    """A year of absolute power per element, on intervals of 15 minutes that start at the index (UTC).

    load_mw, load_mvar  consumption of every load        [time, load id]
    generation_mw       injection of every generator     [time, generator id]
    storage_mw          consumption of every storage     [time, storage id]
    group               element id -> name of the SimBench profile it follows
    """

    load_mw: pd.DataFrame
    load_mvar: pd.DataFrame
    generation_mw: pd.DataFrame
    storage_mw: pd.DataFrame
    group: pd.Series


def read_simbench(code: str, *, owner: str = "operator") -> Network:
    """The grid of a SimBench code such as "1-MV-semiurb--2-sw". Raises `MissingExtra`, `UnknownFormat`."""
    return _network(_load(code), code, owner)


def read_simbench_profiles(code: str) -> Profiles:
    """The profiles of a SimBench code. Raises `MissingExtra`, `UnknownFormat`."""
    return _profiles(_load(code))


def read_simbench_with_profiles(code: str, *, owner: str = "operator") -> tuple[Network, Profiles]:
    """Both at once, in half the time."""
    net = _load(code)
    return _network(net, code, owner), _profiles(net)


def _network(net: Any, code: str, owner: str) -> Network:
    read = from_pandapower(net, name=f"{PREFIX}{code}", owner=owner)
    generator = read.generator.copy()
    roofs = generator["profile"].str.startswith(_ROOFS) & (generator["kind"] == "mixed")
    generator.loc[roofs, "kind"] = "solar"
    return Network.from_tables({**read.tables, "generator": generator}, name=read.name)


def _load(code: str) -> Any:
    simbench = _simbench()
    known = simbench.collect_all_simbench_codes()
    if code not in known:
        near = get_close_matches(code, known, n=3, cutoff=0.0)
        raise UnknownFormat(
            f"no SimBench grid {code!r}; there are {len(known)}, and near it are {listed(near)}.",
            code=code,
            known=list(known),
        )
    with warnings.catch_warnings():
        # SimBench builds its nets through pandas calls that newer versions deprecate; nothing a user could mend.
        warnings.simplefilter("ignore")
        return simbench.get_simbench_net(code)


def _simbench() -> ModuleType:
    try:
        import simbench
    except ImportError as error:
        raise MissingExtra(
            "SimBench grids need the package simbench. Install it with: pip install 'gridloop[simbench]'",
            extra="simbench",
        ) from error
    return simbench  # type: ignore[no-any-return]


def _profiles(net: Any) -> Profiles:
    simbench = _simbench()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        absolute = simbench.get_absolute_values(net, True)
    index = _utc_index(net.profiles["load"]["time"])
    ids = element_ids(net)

    def wide(*parts: tuple[str, str]) -> pd.DataFrame:
        frames = []
        for kind, quantity in parts:
            values = absolute.get((kind, quantity))
            if values is not None and values.shape[1]:
                named = pd.Index(ids[kind].reindex(values.columns), name="id")
                frames.append(values.set_axis(index, axis=0).set_axis(named, axis=1))
        return pd.concat(frames, axis=1) if frames else pd.DataFrame(index=index, columns=pd.Index([], name="id"))

    group = pd.concat(
        [
            net[kind]["profile"].set_axis(ids[kind].to_numpy())
            for kind in ("load", "sgen", "gen", "storage")
            if len(net[kind])
        ]
    )
    return Profiles(
        load_mw=wide(("load", "p_mw")),
        load_mvar=wide(("load", "q_mvar")),
        generation_mw=wide(("sgen", "p_mw"), ("gen", "p_mw")),
        storage_mw=wide(("storage", "p_mw")),
        group=group.rename_axis("id").rename("profile"),
    )


def _utc_index(labels: pd.Series) -> pd.DatetimeIndex:
    """Regular UTC starts of the intervals that SimBench labels locally: 92 on the short day, 100 on the long one."""
    local = pd.DatetimeIndex(pd.to_datetime(labels, format="%d.%m.%Y %H:%M"))
    first = local[0].tz_localize(ZONE).tz_convert("UTC")
    index = pd.date_range(first, periods=len(local), freq=STEP, name="valid_at")
    astray = index.tz_convert(ZONE).tz_localize(None) != local
    if astray.any():
        raise BadInput(
            f"{int(astray.sum())} of {len(local)} SimBench time labels are not what a clock in {ZONE} shows every "
            f"15 minutes from {local[0]} (first {local[astray][0]}). Install another release of simbench.",
            labels=[str(label) for label in local[astray]],
        )
    return index
