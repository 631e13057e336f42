"""Values over time: two times per value, quality, the clock, gaps and resampling. It does not know the grid."""

from gridloop.series.clock import day_of, day_start, local_day, to_local, to_utc, utc
from gridloop.series.gaps import Gap, gaps, require_complete
from gridloop.series.quality import Quality
from gridloop.series.readings import Readings, concat
from gridloop.series.resample import energy_mwh, mean_power, resample, step_of

__all__ = [
    "Gap",
    "Quality",
    "Readings",
    "concat",
    "day_of",
    "day_start",
    "energy_mwh",
    "gaps",
    "local_day",
    "mean_power",
    "require_complete",
    "resample",
    "step_of",
    "to_local",
    "to_utc",
    "utc",
]
