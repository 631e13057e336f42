"""The trail of a run: signed commands on their way out, and the chain of what happened.

A simulated site is told apart from a real one by its key: here the key follows from the seed, so that a run can be
repeated to the last signature. A live site brings its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from gridloop.network.model import Network
from gridloop.network.versions import edit_to_dict
from gridloop.operate.decide.decide import Decision
from gridloop.operate.settings import SiteSettings
from gridloop.operate.site import Setpoints
from gridloop.trust.audit import Record, record_after, verify
from gridloop.trust.commands import Command, Inbox, commands_of, commands_table, sign, signing_key

Note = tuple[str, str, str]


class Trail:
    """Numbers, signs and checks commands; chains events."""

    def __init__(self, settings: SiteSettings) -> None:
        self.settings = settings
        self._key = signing_key(hashlib.sha256(f"gridloop simulated site {settings.seed}".encode()).digest())
        self._inbox = Inbox(self._key.public_key())
        self._next = 0
        self._last: Record | None = None

    def sign(self, tick: int, at: pd.Timestamp, sent: pd.DataFrame) -> pd.DataFrame:
        """Commands for the interval at `at`: numbered, expiring with the interval, signed. Rows of `commands`."""
        issued = at.to_pydatetime()
        expires = issued + dt.timedelta(minutes=self.settings.loop.step_min)
        commands = [
            sign(
                Command(self._next + k, str(device), str(quantity), float(value), str(reason), issued, expires),
                self._key,
            )
            for k, (device, quantity, value, reason) in enumerate(
                zip(sent["device"], sent["quantity"], sent["value"], sent["reason"], strict=True)
            )
        ]
        self._next += len(commands)
        return commands_table(commands).assign(tick=tick)

    def accept(self, commands: pd.DataFrame, setpoints: Setpoints, at: pd.Timestamp) -> Setpoints:
        """The set-points as the site takes them: only what is genuine, in time and new. Raises `CommandRefused`."""
        now = at.to_pydatetime()
        told: dict[str, dict[str, float]] = {}
        for command in commands_of(commands):
            taken = self._inbox.take(command, now)
            told.setdefault(taken.quantity, {})[taken.device] = taken.value
        p = told.get("p_mw", {})
        return replace(
            setpoints,
            battery_mw={i: p[i] for i in setpoints.battery_mw},
            ev_mw={i: p[i] for i in setpoints.ev_mw},
            generator_max_mw=told.get("max_p_mw", {}),
            generator_q_mvar=told.get("q_mvar", {}),
            unserved_mw=told.get("unserved_mw", {}),
            tap_pos={i: round(v) for i, v in told.get("tap_pos", {}).items()},
            form_hz=told.get("form_hz", {}),
            form_v_pu=told.get("form_v_pu", {}),
            close_tie=told.get("close_tie", {}),
            pick_up=told.get("pick_up", {}),
        )

    def events(
        self, tick: int, at: pd.Timestamp, decision: Decision, notes: Sequence[Note], row: Mapping[str, Any]
    ) -> pd.DataFrame:
        """What happened in a tick, chained. Rows of `events`."""
        happened: list[Note] = [*decision.notes, *notes]
        moved = ", ".join(f"{k} to {v}" for k, v in decision.setpoints.tap_pos.items())
        text = f"{decision.rung}, {self._next} commands so far" + (f"; taps {moved}" if moved else "")
        happened.append(("sent", "setpoints", text))
        for count, kind, where in (
            (row["voltage_violations"], "voltage_violation", row["worst_bus"]),
            (row["overloads"], "overload", row["worst_branch"]),
        ):
            if count:
                happened.append((kind, str(where), f"{count} limits did not hold; the worst at {where}"))
        records = []
        for kind, subject, text in happened:
            self._last = record_after(self._last, at=at.to_pydatetime(), kind=kind, subject=subject, text=text)
            records.append(asdict(self._last))
        return pd.DataFrame(records).assign(tick=tick)

    def state(self) -> dict[str, Any]:
        """What the next tick needs: numbers and the end of the chain."""
        last = None if self._last is None else {**asdict(self._last), "at": self._last.at.isoformat()}
        return {"next": self._next, "taken": dict(self._inbox.last), "last": last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self._next = int(state["next"])
        self._inbox.last.update({str(k): int(v) for k, v in state["taken"].items()})
        if state["last"] is not None:
            last = dict(state["last"])
            self._last = Record(**{**last, "at": dt.datetime.fromisoformat(last["at"])})


def chain_is_whole(events: pd.DataFrame) -> bool:
    """Whether the stored events are as they were written."""
    columns = ["number", "at", "kind", "subject", "text", "previous_hash", "hash"]
    ordered = events.sort_values("number")[columns]
    records = [
        Record(int(n), at.to_pydatetime(), kind, subject, text, previous, own)
        for n, at, kind, subject, text, previous, own in ordered.itertuples(index=False, name=None)
    ]
    return verify(records) is None


def version_rows(network: Network, at: pd.Timestamp) -> pd.DataFrame:
    """Rows of `network_versions`: the version a run begins with, and the edits that led to it."""
    rows = [
        {
            "version": edit.version,
            "author": edit.author,
            "time": edit.time,
            "reason": edit.reason,
            "digest": edit.digest,
            "changes": json.dumps(edit_to_dict(edit)["changes"]),
        }
        for edit in network.history
    ]
    if not rows:
        read = {"version": network.version, "author": "gridloop", "time": at, "reason": f"read from {network.name}"}
        rows = [{**read, "digest": network.digest, "changes": "{}"}]
    return pd.DataFrame(rows)
