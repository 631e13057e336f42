"""What a benchmark reports: one row per case, the machine it ran on, and the file that keeps both."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.promises import judge

LAYOUT = 1
PACKAGES = ("gridloop", "numpy", "scipy", "numba", "pandas", "powerio")
# More than this many processes per core wanted to run while we measured: the rates are not to be believed.
BUSY_PER_CORE = 0.5


@dataclass(frozen=True)
class Rates:
    """Flows per second of one tool over several runs, and how it did it."""

    per_s: tuple[float, ...]
    method: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.per_s)

    def as_json(self) -> dict[str, Any]:
        return {
            "median": self.median,
            "min": min(self.per_s),
            "max": max(self.per_s),
            "runs": len(self.per_s),
            "method": self.method,
        }


@dataclass(frozen=True)
class Row:
    """One case: rates of all tools, and whether their answers are the same and right.

    peers         the rates that count; `others` are reported and not compared with, `notes` say why
    max_dv_pu     largest |ΔV| between our answer as timed and the peers', over what both solved; None: nothing compared
    exact_dv_pu   the same where we too solve far below the tolerance that is timed: beyond what is allowed it is wrong,
                  while an answer as timed may stop short of it by as much as the grid makes of the tolerance
    mismatch_pu   largest mismatch of what we call converged, recomputed with matrices of the benchmark's own
    allowed_dv_pu, allowed_mismatch_pu  what they may be
    """

    benchmark: str
    case: str
    cores: int
    ours: Rates | None = None
    peers: dict[str, Rates] = field(default_factory=dict)
    others: dict[str, Rates] = field(default_factory=dict)
    max_dv_pu: float | None = None
    exact_dv_pu: float | None = None
    compared: int = 0
    mismatch_pu: float | None = None
    allowed_dv_pu: float | None = None
    allowed_mismatch_pu: float | None = None
    scenarios: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def ours_per_s(self) -> float | None:
        return None if self.ours is None else self.ours.median

    @property
    def ratio(self) -> float | None:
        """Our rate over that of the fastest peer."""
        if self.ours is None or not self.peers:
            return None
        return self.ours.median / max(rates.median for rates in self.peers.values())

    @property
    def wrong(self) -> tuple[str, ...]:
        """Why the answers cannot stand; empty where they can."""
        checks = (
            ("differs from the peers by", self.exact_dv_pu, self.allowed_dv_pu),
            ("leaves a mismatch of", self.mismatch_pu, self.allowed_mismatch_pu),
        )
        return tuple(
            f"WRONG: our answer {what} {value:.2g} pu, allowed are {allowed:.2g} pu."
            for what, value, allowed in checks
            if value is not None and allowed is not None and not value <= allowed
        )

    @property
    def short(self) -> tuple[str, ...]:
        """What the answers as timed fall short of; empty where they do not."""
        apart, allowed = self.max_dv_pu, self.allowed_dv_pu
        if apart is None or allowed is None or apart <= allowed:
            return ()
        return (f"MISSED: as timed, answers are {apart:.1e} pu from the peers', {allowed:.0e} pu is promised.",)

    def as_json(self) -> dict[str, Any]:
        verdict = judge(self.benchmark, self.case, self.ours_per_s, self.ratio)
        return {
            "case": self.case,
            "ours_per_s": self.ours_per_s,
            "peers": {name: rates.median for name, rates in self.peers.items()},
            "ratio": self.ratio,
            "max_dv_pu": self.max_dv_pu,
            "cores": self.cores,
            "promise": {
                "kept": False if self.short else verdict.kept,
                "words": " ".join((verdict.words, *self.short)),
            },
            "wrong": list(self.wrong),
            "exact_dv_pu": self.exact_dv_pu,
            "mismatch_pu": self.mismatch_pu,
            "compared": self.compared,
            "scenarios": self.scenarios,
            "runs": {
                **({} if self.ours is None else {"gridloop": self.ours.as_json()}),
                **{name: rates.as_json() for name, rates in (self.peers | self.others).items()},
            },
            **self.facts,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Machine:
    """Where and beside what it ran."""

    cpu: str
    cores: int
    memory_gib: float | None
    system: str
    python: str
    load_per_core: float | None

    @property
    def busy(self) -> bool:
        return self.load_per_core is not None and self.load_per_core > BUSY_PER_CORE


def this_machine() -> Machine:
    """Facts of this machine; call it before the work starts, for the load to be that of others."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.is_file())
        else []
    )
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    load = os.getloadavg()[0] / cores if hasattr(os, "getloadavg") else None
    cpu = names[0] if names else platform.processor()
    return Machine(cpu, cores, memory, platform.platform(), platform.python_version(), load)


def report(benchmark: str, rows: Sequence[Row], machine: Machine, versions: dict[str, str]) -> dict[str, Any]:
    """Everything that is printed and kept."""
    notes = []
    if machine.busy:
        notes.append(
            f"The machine was busy before we started (load {machine.load_per_core:.1f} per core): "
            "rates and ratios are no claim. Measure again when it is idle."
        )
    return {
        "layout": LAYOUT,
        "benchmark": benchmark,
        "results": [row.as_json() for row in rows],
        "machine": {**asdict(machine), "busy": machine.busy},
        "versions": {**own_versions(PACKAGES), **versions},
        "notes": notes,
    }


def own_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of installed packages; those that are not are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def store(data: dict[str, Any], out: Path) -> Path:
    """Write a report as a whole; a reader never sees half of it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(out.suffix + ".part")
    part.write_text(json.dumps(_finite(data), indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(out)
    return out


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
