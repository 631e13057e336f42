"""Entries: what a registry knows of a trained forecaster, and what its predictions depend on beside its state."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

KERNELS = ("lasso.py", "compiled.py")
"""Files of gridloop.kernel that forecasters count with."""

PACKAGES = ("gridloop", "lightgbm", "numba", "numpy", "pandas", "pvlib", "statsmodels")

EXTRAS = {"torch": "gridloop.forecast.models.lstm", "prophet": "gridloop.forecast.models.prophet"}
"""Packages that not everybody has → the module whose models need them."""


@dataclass(frozen=True)
class Entry:
    """What is known of one trained forecaster.

    name, version   whose it is: versions count from 1
    saved_at        when, as passed in
    window          first and last moment of the data it was trained on
    scores          name → value, such as those of its backtest
    features        names of the columns it sees
    inputs          names of what it wants beside the history, such as "weather:temperature"
    points          what it forecasts
    code            fingerprint of gridloop.forecast, as `code_version` gives it, and the versions of what it stands on,
                    extras where it needs them
    note            in words
    digests         file → SHA-256
    """

    name: str
    version: int
    saved_at: str
    window: tuple[str, str]
    scores: Mapping[str, float]
    features: tuple[str, ...]
    inputs: tuple[str, ...]
    points: tuple[str, ...]
    code: Mapping[str, str]
    note: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)


@cache
def code_version() -> dict[str, str]:
    """What any prediction depends on beside the state: gridloop.forecast (a hash of its files and of the kernels that
    it counts with) and what it stands on."""
    home = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in [*sorted(home.rglob("*.py")), *(home.parent / "kernel" / name for name in KERNELS)]:
        digest.update(f"{path.relative_to(home.parent)}\0".encode() + path.read_bytes() + b"\0")
    packages = {name: version_of(name) for name in PACKAGES}
    return {"gridloop.forecast": digest.hexdigest(), **packages, "python": platform.python_version()}


def extras_of(state: str) -> dict[str, str]:
    """Versions of the extras that a state, as `Parts.json` writes it, cannot do without."""
    return {name: installed(name) for name, module in EXTRAS.items() if f"{module}:" in state}


def installed(name: str) -> str:
    """Version of an extra; "none" where it is not there."""
    try:
        return version_of(name)
    except PackageNotFoundError:
        return "none"
