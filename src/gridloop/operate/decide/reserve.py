"""What plans keep while connected: enough to live through an island that nobody announced, with priority loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridloop.network.model import Network
from gridloop.operate.decide.known import Groups, Known, block_mean
from gridloop.operate.settings import SiteSettings
from gridloop.optimize.devices.battery import Battery
from gridloop.optimize.devices.island_reserve import IslandReserve
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.load import Load


def with_band(devices: Sequence[Device], network: Network, settings: SiteSettings) -> list[Device]:
    """The devices, the grid-forming source kept away from full and empty while it is connected: an island that opens
    now needs it to give or to take for a while, whatever comes."""
    if settings.island is None:
        return list(devices)
    former, free = settings.island.source(network.storage), settings.island.headroom_pct / 100.0
    return [
        replace(d, min_soc=max(d.min_soc, free), max_soc=min(d.max_soc, 1.0 - free))
        if isinstance(d, Battery) and d.id == former.id and free < 0.5
        else d
        for d in devices
    ]


def reserves(
    devices: Sequence[Device], network: Network, groups: Groups, settings: SiteSettings, known: Known
) -> list[IslandReserve]:
    """The reserve of a site; none where its settings ask for none.

    Priority loads as they are expected, generation as its P10: what is there in nine hours of ten.
    """
    island = settings.island
    if island is None or island.survive_h <= 0:
        return []
    loads = [d for d in devices if isinstance(d, Load)]
    ranks = island.ranks([d.id for d in loads])
    steps = sum(count for count, _ in settings.loop.horizon)
    first = [np.clip(np.asarray(d.p_mw, dtype=float), 0, None) for d in loads if ranks[d.id] == 0]
    sure = np.zeros(steps)
    for point, kind in groups.kind.items():
        if kind != "load":
            p10 = known.forecast.at(point)["p10"].to_numpy(dtype=float)[:, None]
            sure += np.clip(block_mean(p10, settings.loop.horizon, settings.loop.step_min)[:, 0], 0.0, None)
    former = island.source(network.storage)
    batteries = [d for d in devices if isinstance(d, Battery)]
    ordered = [b for b in batteries if b.id == former.id] + [b for b in batteries if b.id != former.id]
    return [IslandReserve(ordered, island.survive_h, sum(first, np.zeros(steps)), sure, former.headroom_mw)]
