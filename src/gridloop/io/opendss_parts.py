"""What powerio read of an OpenDSS case, with the terminals of its buses and the objects it keeps untyped."""

from __future__ import annotations

from typing import Any

from gridloop.io.opendss_values import last_of, truth

Rows = dict[str, list[dict[str, Any]]]

# Objects that measure, plot or schedule: a feeder's state at one moment does not need them.
_WITHOUT_EFFECT = {"monitor", "energymeter", "loadshape", "growthshape", "spectrum", "sensor", "tcc_curve", "tshape"}
_USED = {"regcontrol", "xfmrcode", "reactor"}


class Case:
    """A parsed case; `losses` collects what the feeder does not take over."""

    def __init__(self, value: Any, losses: list[str]) -> None:
        self.value = value
        self.losses = losses
        self.name = str(value.name or "")
        self.frequency_hz = float(value.base_frequency)
        self.buses: list[dict[str, Any]] = list(value.buses)
        self._grounded = {str(b["id"]).lower(): set(b["grounded"]) for b in self.buses}
        self.untyped: dict[str, dict[str, dict[str, str]]] = {}
        for thing in value.untyped_objects:
            kind = str(thing["class"]).lower()
            self.untyped.setdefault(kind, {})[str(thing["name"]).lower()] = last_of(thing["props"])

    def ends(self, bus: str, terminal_map: list[str]) -> list[int]:
        """Terminals as numbers, those that are grounded as 0."""
        grounded = self._grounded.get(bus.lower(), set())
        return [0 if t in grounded or not t.isdigit() else int(t) for t in terminal_map]

    def report_untyped(self) -> None:
        """Name the objects that nothing here reads, by class."""
        for kind, things in self.untyped.items():
            if kind in _USED:
                continue
            some = ", ".join(list(things)[:5]) + (" …" if len(things) > 5 else "")
            if kind in _WITHOUT_EFFECT:
                self.losses.append(f"{len(things)} {kind} objects do not belong to a feeder's state: {some}")
            else:
                self.losses.append(f"{len(things)} {kind} objects are not modelled: {some}")


def dotted(ends: list[int]) -> str:
    """Terminals as in "1.2.0"."""
    return ".".join(map(str, ends))


def enabled(element: dict[str, Any]) -> bool:
    """False where the case disables an element."""
    return truth(element["extras"].get("enabled", "yes"))
