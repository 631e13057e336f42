"""A power profile that runs as it is once it begins: how long it takes, what it takes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridloop.units import FloatArray

HOUR = pd.Timedelta(hours=1)


class PowerProfile:
    """For classes with profile_mw, one power per profile_step."""

    profile_mw: Sequence[float] | FloatArray
    profile_step: pd.Timedelta

    @property
    def hours(self) -> float:
        """How long it takes."""
        return len(self.profile_mw) * (self.profile_step / HOUR)

    @property
    def energy_mwh(self) -> float:
        """What it takes."""
        return float(np.sum(self.profile_mw)) * (self.profile_step / HOUR)

    def wrong_profile(self) -> list[str]:
        """A problem for powers that cannot be, and for a step of no length."""
        profile, problems = np.asarray(self.profile_mw, dtype=float), []
        if profile.ndim != 1 or not profile.size or not (profile >= 0).all() or not np.isfinite(profile).all():
            problems.append("profile_mw must be one or more powers that are not negative")
        if not self.profile_step > pd.Timedelta(0):
            problems.append(f"profile_step is {self.profile_step}; it must be positive")
        return problems
