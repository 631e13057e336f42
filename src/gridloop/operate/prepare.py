"""Preparing a run: network, profiles, sessions, prices and the known past of a day, read and checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import GapInSeries, OutsideData, listed
from gridloop.io.ev_sessions import read_ev_sessions
from gridloop.io.prices import read_prices
from gridloop.io.profiles import at_step, covered, read_network_with_profiles
from gridloop.io.simbench import Profiles
from gridloop.market.tariff import publish_day_ahead
from gridloop.network.model import Network
from gridloop.network.validation import check
from gridloop.operate.arrivals import simulate_arrivals
from gridloop.operate.decide.known import Groups
from gridloop.operate.drill import Drill
from gridloop.operate.groups import group_elements
from gridloop.operate.past import Past
from gridloop.operate.pricing import PriceBoard
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import empty_sessions
from gridloop.series.clock import local_day


@dataclass(frozen=True)
class Prepared:
    """Everything a day needs before its first tick."""

    settings: SiteSettings
    network: Network
    profiles: Profiles
    groups: Groups
    sessions: pd.DataFrame
    times: pd.DatetimeIndex
    past: Past
    prices: PriceBoard


def prepare(settings: SiteSettings, network: Network | None = None) -> Prepared:
    """Read and check everything the day needs."""
    read, profiles = read_network_with_profiles(settings.path(settings.network), settings.path(settings.profiles))
    network = network or _with_limits(read, settings)
    check(network)
    step = pd.Timedelta(minutes=settings.loop.step_min)
    times = local_day(settings.day, settings.timezone, step)
    covered(profiles, times[0], times[-1] + step, settings.timezone)
    profiles = at_step(profiles, times[0], step)
    prices = _price_file(settings, times)
    if settings.loop.ticks:
        times = times[: settings.loop.ticks]
    groups = group_elements(network, profiles.group)
    history = _history(profiles, settings, times[0])
    truth = Past(network, groups, elements_mw(profiles, history), profiles.load_mvar.loc[history])
    past = _as_metered(truth, network, groups, profiles, history, settings)
    _require_past(past, settings, times[0])
    board = PriceBoard(settings, groups, _largest_residual(truth, groups), prices)
    return Prepared(settings, network, profiles, groups, _sessions(settings, network), times, past, board)


def _as_metered(
    truth: Past, network: Network, groups: Groups, profiles: Profiles, history: pd.DatetimeIndex, settings: SiteSettings
) -> Past:
    """The past with the fault of the drill in it, where one began before the day."""
    drill = Drill(settings)
    if not drill.fault:
        return truth
    drill.require([*network.load.index, *network.generator.index])
    power, reactive = elements_mw(profiles, history), profiles.load_mvar.loc[history]
    return Past(network, groups, drill.history(power), drill.history(reactive))


def _largest_residual(past: Past, groups: Groups) -> float:
    """Largest residual load or surplus of the past: what the tariff measures the residual load by. [MW]"""
    sign = pd.Series({point: 1.0 if kind == "load" else -1.0 for point, kind in groups.kind.items()})
    return float((past.power * sign.reindex(past.power.columns)).sum(axis=1).abs().max())


def _history(profiles: Profiles, settings: SiteSettings, start: pd.Timestamp) -> pd.DatetimeIndex:
    """Times of the past that are known when the day begins."""
    index = pd.DatetimeIndex(profiles.load_mw.index)
    step = pd.Timedelta(minutes=settings.loop.step_min)
    known = index + step + pd.Timedelta(seconds=settings.readings.delay_s) <= start
    begin = start - pd.Timedelta(days=settings.forecast.history_days)
    return index[known & (index >= begin)]


def _require_past(past: Past, settings: SiteSettings, start: pd.Timestamp) -> None:
    """Raises `OutsideData` or `GapInSeries` where there is nothing to forecast from."""
    power = past.power
    if power.empty or power.index[0] > start - pd.Timedelta(days=1):
        raise OutsideData(
            f"The profiles hold {len(power)} intervals before {settings.day}; at least a day of them is needed to "
            "forecast from. Choose a later day.",
            intervals=len(power),
        )
    blind = [str(point) for point in power if power[point].isna().all()]
    if blind:
        raise GapInSeries(
            f"{len(blind)} of {power.shape[1]} groups have no known value before {settings.day} ({listed(blind)}): "
            "nothing can be forecast from that. Give every element of a group at least a day, or a profile of its own.",
            points=blind,
        )


def elements_mw(profiles: Profiles, times: pd.DatetimeIndex) -> pd.DataFrame:
    """True power of every load and generator at some times. [time, id], MW"""
    return pd.concat([profiles.load_mw.loc[times], profiles.generation_mw.loc[times].clip(lower=0.0)], axis=1)


def _sessions(settings: SiteSettings, network: Network) -> pd.DataFrame:
    loads = network.load[network.load["in_service"]]
    buses = [str(b) for b in loads["bus"]]
    if settings.ev.file:
        return read_ev_sessions(settings.path(settings.ev.file), buses, settings.timezone, onto=settings.day)
    if settings.ev.sessions == 0:
        return empty_sessions()
    rng = np.random.default_rng([settings.seed, 0])
    weights = loads["p_mw"].clip(lower=0.0).tolist()
    return simulate_arrivals(settings.day, settings.timezone, buses, weights, settings.ev.sessions, rng)


def _price_file(settings: SiteSettings, times: pd.DatetimeIndex) -> pd.DataFrame | None:
    if not settings.tariff.prices:
        return None
    step = pd.Timedelta(minutes=settings.loop.step_min)
    t = settings.tariff
    table = read_prices(
        settings.path(t.prices),
        settings.timezone,
        area=t.area or None,
        start=times[0],
        end=times[-1] + step,
        network_fee_per_mwh=t.network_fee_eur_per_mwh,
        margin_per_mwh=t.margin_eur_per_mwh,
    )
    return publish_day_ahead(table, settings.timezone)


def _with_limits(network: Network, settings: SiteSettings) -> Network:
    """Voltage bands of the settings, where they give any."""
    low, high = settings.limits.v_min_pu, settings.limits.v_max_pu
    if low is None and high is None:
        return network
    band = {key: value for key, value in (("v_min_pu", low), ("v_max_pu", high)) if value is not None}
    at = pd.Timestamp(settings.day).tz_localize(settings.timezone).tz_convert("UTC")
    return network.edit("bus", {str(i): band for i in network.bus.index}, author="site", time=at, reason="[limits]")
