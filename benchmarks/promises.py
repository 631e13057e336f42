"""Every promised speed in one place, and the words for how a measurement stands to it."""

from __future__ import annotations

from dataclasses import dataclass

# Largest difference between two answers to the same question that still counts as the same answer, per unit.
SAME_V_PU = 1e-8  # positive sequence; both sides are solved to a mismatch of 1e-8 pu or less
SAME_FEEDER_V_PU = 1e-4  # three-phase against OpenDSS with the same taps, per node


@dataclass(frozen=True)
class Promise:
    """What one benchmark has to reach; None where nothing is promised.

    ratio, stretch_ratio   times the fastest peer
    per_s, stretch_per_s   flows per second on two cores
    wall_s                 longest time for the whole study
    """

    ratio: float | None = None
    stretch_ratio: float | None = None
    per_s: float | None = None
    stretch_per_s: float | None = None
    wall_s: float | None = None


PROMISES: dict[tuple[str, str], Promise] = {
    ("powerflow", "case118"): Promise(ratio=10, stretch_ratio=15),
    ("powerflow", "case1354pegase"): Promise(ratio=6, stretch_ratio=10),
    ("powerflow", "case9241pegase"): Promise(ratio=4, stretch_ratio=8),
    ("contingencies", "case118"): Promise(ratio=10),
    ("contingencies", "case1354pegase"): Promise(ratio=10),
    ("feeder", "ieee123"): Promise(per_s=270_000, stretch_per_s=500_000),
    ("feeder", "ieee123 with regulators"): Promise(per_s=80_000),
    ("opf", "118_ieee"): Promise(ratio=1, stretch_ratio=5, wall_s=0.15),
    ("opf", "1354_pegase"): Promise(ratio=1, stretch_ratio=5, wall_s=1.5),
    ("opf", "2869_pegase"): Promise(ratio=1, stretch_ratio=5, wall_s=4),
    ("opf", "9241_pegase"): Promise(ratio=1, wall_s=30),
    ("opf", "9241_pegase dc"): Promise(per_s=1),
    ("commitment", "rts_gmlc/2020-02-09"): Promise(wall_s=30),
    ("commitment", "rts_gmlc/2020-02-09 cut to 50 units and 24 hours"): Promise(wall_s=10),
    ("flexibility", "battery: 24 h, schedule"): Promise(wall_s=0.03),
    ("flexibility", "battery: 1,000 × 96"): Promise(wall_s=0.1),
    ("flexibility", "battery: 35,040 steps"): Promise(wall_s=0.05),
    ("flexibility", "building: 100 zones × 24 h"): Promise(wall_s=2.0),
    ("flexibility", "compressors: 6 machines × 672"): Promise(wall_s=20.0),
    ("131m", "ieee123"): Promise(wall_s=480, per_s=131_400_000 / 480),
}


@dataclass(frozen=True)
class Verdict:
    """Whether a promise is kept (None: nothing promised, or nothing to compare), and one sentence that says so."""

    kept: bool | None
    words: str


def judge(benchmark: str, case: str, per_s: float | None, ratio: float | None) -> Verdict:
    """How a measured rate and ratio stand to the promise for this case."""
    promise = PROMISES.get((benchmark, case))
    if promise is None:
        return Verdict(None, "Nothing is promised for this case.")
    judged = []
    if promise.ratio is not None:
        judged.append(_judged(ratio, promise.ratio, promise.stretch_ratio, "{:.1f} × the fastest peer"))
    if promise.per_s is not None:
        form = "{:,.0f} per second" if promise.per_s >= 100 else "{:.2f} per second"
        judged.append(_judged(per_s, promise.per_s, promise.stretch_per_s, form))
    if not judged and promise.wall_s is not None:  # one case is one run
        kept, words = _judged(per_s, 1 / promise.wall_s, None, "{:.4f} per second")
        judged.append((kept, words if per_s is None else _in_seconds(kept, 1 / per_s, promise.wall_s)))
    kept = None if any(k is None for k, _ in judged) else all(k for k, _ in judged)
    return Verdict(kept, " ".join(words for _, words in judged))


def _in_seconds(kept: bool | None, took_s: float, most_s: float) -> str:
    return f"{'Kept' if kept else 'MISSED'}: {took_s:.3g} s, promised {most_s:g} s."


def _judged(value: float | None, least: float, stretch: float | None, form: str) -> tuple[bool | None, str]:
    wanted = form.format(least) + (f" (stretch {form.format(stretch).split(' ')[0]})" if stretch else "")
    if value is None:
        return None, f"Not measured: {wanted} is promised."
    if value >= least:
        beyond = " The stretch is reached." if stretch and value >= stretch else ""
        return True, f"Kept: {form.format(value)}, promised {wanted}.{beyond}"
    return False, f"MISSED: {form.format(value)}, promised {wanted}."
