"""What all sessions of HiGHS share: its settings, and its statuses by our names."""

from __future__ import annotations

from collections.abc import Mapping

import highspy

# One thread and a fixed seed: the same model gives the same answer, bit for bit.
QUIET: Mapping[str, bool | int | str] = {"output_flag": False, "threads": 1, "random_seed": 1}

# Presolve costs more than it saves on models that are mostly bounds with few rows, and a warm start does without it.
SIMPLEX: Mapping[str, bool | int | str] = {**QUIET, "solver": "simplex", "presolve": "off"}

# A model without columns and rows is solved: it costs its constant.
STATUS: Mapping[highspy.HighsModelStatus, str] = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kTimeLimit: "time_limit",
}
