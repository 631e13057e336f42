"""Findings: what a guard saw in the inputs of a forecast, row by row, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.forecast.known.past import Past
from gridloop.forecast.known.record import Record
from gridloop.units import BoolArray

ADVICE = {
    "duplicate": "Keep one value per interval; ask the source why it sent two.",
    "missing": "Ask the source for the missing readings and send them again.",
    "stale": "See whether the feed still runs.",
    "frozen": "See whether the meter or its channel hangs.",
    "negative": "See whether a sign was turned at the source.",
    "unit": "See whether the source changed its unit, and convert.",
    "shifted": "See how the source treats summer time; move its stamps once that is known for sure.",
    "weather": "Give weather for the whole horizon, in the units of the fit.",
}
"""What to do about each kind of fault; the kinds in the order in which they are looked for."""


@dataclass(frozen=True)
class Finding:
    """One fault of one input.

    kind    one of `ADVICE`
    point   the point, or the column of the weather
    rows    [time] of the past that was examined: what is not believed
    text    what was seen, with numbers, for a person
    mended  True where the forecast goes on without these rows; False where they decide
    """

    kind: str
    point: str
    rows: BoolArray
    text: str
    mended: bool = True


@dataclass(frozen=True)
class Examination:
    """What was found in the inputs of one forecast.

    past      the history without what is not believed
    findings  everything that was found; those that are not `mended` lead to the fallback
    weather   the weather with old gaps filled by name; None where there is none
    """

    past: Past
    findings: tuple[Finding, ...]
    weather: pd.DataFrame | Record | None = None

    @property
    def weak(self) -> dict[str, tuple[str, ...]]:
        """Points whose forecast falls back → the kinds of fault that decided; weather decides for all points."""
        kinds: dict[str, dict[str, None]] = {}
        for finding in self.findings:
            if finding.mended:
                continue
            for point in self.past.points if finding.kind == "weather" else (finding.point,):
                kinds.setdefault(point, {})[finding.kind] = None
        return {point: tuple(found) for point, found in kinds.items()}

    @property
    def sound(self) -> bool:
        """True where nothing leads to the fallback."""
        return all(finding.mended for finding in self.findings)

    def diagnosis(self) -> Diagnosis | None:
        """None where nothing was found. Status "unsound_input" where a fallback follows, "mended_input" else."""
        if not self.findings:
            return None
        deciding = [f for f in self.findings if not f.mended]
        shown = deciding or list(self.findings)
        return Diagnosis(
            "unsound_input" if deciding else "mended_input",
            [finding.text for finding in shown],
            " ".join(dict.fromkeys(ADVICE[finding.kind] for finding in shown)),
            {
                "fallback": {point: list(kinds) for point, kinds in self.weak.items()},
                "findings": [self._facts(finding) for finding in self.findings],
            },
        )

    def _facts(self, finding: Finding) -> Mapping[str, object]:
        facts = {
            "kind": finding.kind,
            "point": finding.point,
            "mended": finding.mended,
            "rows": int(finding.rows.sum()),
        }
        if finding.kind != "weather" and finding.rows.any():
            row = np.flatnonzero(finding.rows)[[0, -1]]
            first, last = self.past.times(self.past.first + row)
            facts |= {"first": str(first), "last": str(last)}
        return facts


def blanked(past: Past, rows: BoolArray) -> Past:
    """The past with gaps at rows [time, point]; the same object where there are none."""
    if not rows.any():
        return past
    return Past(past.points, np.where(rows, np.nan, past.values), past.first, past.step_ns)
