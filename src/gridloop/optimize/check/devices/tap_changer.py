"""Tap changers: whole positions within their range, few moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridloop.optimize.check.checked import Ledger
from gridloop.optimize.check.devices.base import Found, Kind, Span, Values, number
from gridloop.optimize.devices.tap_changer import TapChanger


def _check(changers: Sequence[TapChanger], values: Values, span: Span, ledger: Ledger, found: Found) -> None:
    names, position = [c.id for c in changers], values["tap", "tap_pos"]
    ledger.equal("whole tap position", names, position, np.round(position), "", span.starts)
    ledger.at_least("tap position", names, position, number(changers, "min_position"), "", span.starts)
    ledger.at_most("tap position", names, position, number(changers, "max_position"), "", span.starts)
    moves = np.abs(np.diff(position, axis=1, prepend=number(changers, "position")))
    ledger.at_most("tap moves", names, moves, number(changers, "moves_per_plan"), "", span.starts)
    found.cost["tap_moves"] = float((number(changers, "move_cost") * moves).sum())


KIND = Kind(TapChanger, "tap", (("tap_pos", True),), _check)
