"""What a simulated site tells of an interval with an open connection: rows for the store, events for the chain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridloop.operate.island_relays import SAME_MW
from gridloop.operate.island_settings import RANKS
from gridloop.optimize.microgrid.machine import Swing
from gridloop.optimize.microgrid.resync import Closing, SyncWindow

Event = tuple[str, str, str]
Rows = tuple[tuple[str, str, float], ...]
NOT = float("nan")


@dataclass(frozen=True)
class Told:
    """What there is to tell of an interval.

    closed, hz     the breaker; what the source is set to. hz_min, hz_max: lowest and highest frequency in it
    balance_mw     what the balance of the AC flow misses
    former_mw      what the source gives; room: how much more and how much less it could
    tie_v_pu       voltage of the island at the breaker; None where it is dark
    swing, closing what the opening did, and the try to close
    dark_h         hours of the interval without voltage
    floor          state of charge below which the source serves nobody
    """

    closed: bool
    hz: float
    hz_min: float
    hz_max: float
    balance_mw: float
    former_mw: float = NOT
    tie_v_pu: float | None = None
    room: tuple[float, float] = (NOT, NOT)
    swing: Swing | None = None
    closing: Closing | None = None
    window: SyncWindow | None = None
    dark_h: float = 0.0
    floor: float = NOT

    def rows(self, former: str, soc: float, classes: Mapping[str, tuple[float, float]]) -> Rows:
        """Id, quantity, value. classes: what each wanted and what it got [MW]"""
        link = "connection"
        rows = [
            (link, "closed", float(self.closed)), (link, "hz", self.hz), (link, "hz_min", self.hz_min),
            (link, "hz_max", self.hz_max), (link, "balance_mw", self.balance_mw), (former, "soc", soc),
            (former, "p_mw", self.former_mw),
        ]  # fmt: skip
        for name in RANKS:
            wanted, served = classes[name]
            rows += [(name, "wanted_mw", wanted), (name, "served_mw", served)]
        if self.swing is not None:
            rows.append((link, "rocof_hz_per_s", self.swing.rocof_hz_per_s))
            rows.append((link, "settled_hz", self.swing.settled_hz))
        if self.tie_v_pu is not None:
            up, down = self.room
            rows += [(link, "tie_v_pu", self.tie_v_pu), (former, "room_up_mw", up), (former, "room_down_mw", down)]
        if not self.closed:
            rows.append((former, "floor", self.floor))
        if self.dark_h > 0:
            rows.append((link, "dark_h", self.dark_h))
        if self.closing is not None and self.window is not None:
            rows.append(("closing", "closed_s", self.closing.closed_s))
            for name in ("frequency_hz", "voltage_pu", "angle_deg"):
                rows += [("closing", name, getattr(self.closing, name)), ("window", name, getattr(self.window, name))]
        return tuple(rows)


def opening_events(swing: Swing, acted: Sequence[int]) -> list[Event]:
    """The loss of the grid, and the classes that relays shed."""
    text = (
        f"the connection is open: frequency {swing.lowest_hz:.2f} … {swing.highest_hz:.2f} Hz, "
        f"{swing.rocof_hz_per_s:+.2f} Hz/s, settles at {swing.settled_hz:.2f} Hz"
    )
    shed = [("load_shed", RANKS[rank], "shed by under-frequency relays") for rank in acted]
    return [("island", "connection", text), *shed]


def limit_events(taken_mw: float, way_mw: float) -> list[Event]:
    """What relays took off and what plants gave way by, where the source was at its limit."""
    events = []
    if taken_mw > SAME_MW:
        events.append(("load_shed", "relays", f"{taken_mw:.3f} MW taken off: the source was at its limit"))
    if way_mw > SAME_MW:
        events.append(("curtailed", "relays", f"plants gave way by {way_mw:.3f} MW: the source was at its limit"))
    return events


def closing_events(closing: Closing) -> list[Event]:
    """How the breaker closed, or why it did not."""
    if closing.closed and math.isnan(closing.angle_deg):
        return [("reconnected", "connection", f"closed after {closing.closed_s:.1f} s onto the dark island")]
    if closing.diagnosis is not None:
        return [("not_synchronised", "connection", " ".join(closing.diagnosis.causes))]
    text = (
        f"closed after {closing.closed_s:.1f} s at {closing.frequency_hz:+.3f} Hz, {closing.voltage_pu:+.4f} pu, "
        f"{closing.angle_deg:+.2f}°"
    )
    return [("reconnected", "connection", text)]
