"""Whether one-step errors are white: what is left over must not be foretold by what was left over before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from gridloop.units import FloatArray

LAGS = 24


@dataclass(frozen=True, eq=False)
class Whiteness:
    """Autocorrelation of standardized one-step errors, and the test of Ljung and Box that it is none.

    autocorrelation  [lag]  from lag 1 on
    band       what 95 % of white errors' autocorrelations stay within
    statistic, p_value  over all of these lags: below 0.05 the errors are not white
    count      errors
    """

    autocorrelation: FloatArray
    band: float
    statistic: float
    p_value: float
    count: int

    @property
    def white(self) -> bool:
        """True where the test does not refuse it at 5 %."""
        return self.p_value >= 0.05

    @property
    def beyond(self) -> list[int]:
        """Lags beyond the band."""
        return [int(k) + 1 for k in np.flatnonzero(np.abs(self.autocorrelation) > self.band)]

    def table(self) -> pd.DataFrame:
        """lag, autocorrelation, band."""
        lags = pd.RangeIndex(1, self.autocorrelation.size + 1, name="lag")
        return pd.DataFrame({"autocorrelation": self.autocorrelation, "band": self.band}, index=lags)


def whiteness(errors: FloatArray, *, lags: int = LAGS) -> Whiteness:
    """Of errors in their order; NaN where there is none. [step]"""
    known = np.isfinite(errors)
    z = np.where(known, errors - errors[known].mean(), 0.0)
    count, total = int(known.sum()), float(z @ z)
    found = np.array([float(z[k:] @ z[:-k]) / total for k in range(1, lags + 1)])
    statistic = count * (count + 2) * float((found**2 / (count - np.arange(1, lags + 1))).sum())
    return Whiteness(found, 1.96 / np.sqrt(count), statistic, float(chi2.sf(statistic, lags)), count)
