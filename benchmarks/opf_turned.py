"""A case as PowerModels reads it before it makes the DC column of PGLib's table, where that is another model.

Its `correct_branch_directions!` turns branches that lie antiparallel to others, and multiplies their impedance by the
square of the tap: the same network for AC, but not for its DC model, which leaves the tap out. Which of the two
directions stays follows the order of a hash table there; here the one that more branches have. And a branch without
reactance carries nothing in that model, while the limit of its angle holds. Of PGLib only case1803_snem has either.
Source: PowerModels.jl 0.19, src/core/data.jl and src/form/dcp.jl.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.cases import Floats
from benchmarks.opf_cases import Published, matrices
from benchmarks.opf_check import ANGLE_MAX, ANGLE_MIN, BRANCH_ON, HEAD, SHIFT, TAIL, TAP, B, R, X

# Per unit: a branch of this reactance carries 0.05 MW at thirty degrees, which objectives show in the fifth digit, and
# keeps its limit. Ten times as much is beyond what flow limits are kept to.
_NEXT_TO_NOTHING = 1e3
# A reactance below this share of the impedance is none.
_NO_REACTANCE = 1e-6


def turned_apart(case: Published) -> float | None:
    """How far from the table the DC objective is of the case as its tool changed it; None where that changes nothing.

    The answer has to be an optimum, and is a proof of where the table's number comes from and nothing else.
    """
    import gridloop as gl

    with tempfile.TemporaryDirectory(prefix="gridloop-bench-") as name:
        path = Path(name) / "turned.m"
        if not write_turned(case.path, path):
            return None
        flow = gl.optimal_power_flow(gl.read_network(path), physics="dc")
    return flow.cost / case.objective["dc"] - 1 if flow.solved else None


def write_turned(path: Path, out: Path) -> bool:
    """Write the case of `path` to `out` as said above; False where that changes nothing, and nothing is written."""
    case = matrices(path)
    branch = np.array(case["branch"])
    turned = antiparallel(branch)
    bare = (np.abs(branch[:, X]) <= _NO_REACTANCE * np.hypot(branch[:, R], branch[:, X])) & (branch[:, BRANCH_ON] > 0)
    if not (turned.size or bare.any()):
        return False
    turn = branch[turned]
    ratio = np.where(turn[:, TAP] == 0, 1.0, turn[:, TAP])
    for one, other, sign in ((TAIL, HEAD, 1), (ANGLE_MIN, ANGLE_MAX, -1)):
        branch[turned, one], branch[turned, other] = sign * turn[:, other], sign * turn[:, one]
    for column, factor in ((R, ratio**2), (X, ratio**2), (B, ratio**-2), (SHIFT, -1.0)):
        branch[turned, column] = turn[:, column] * factor
    branch[turned, TAP] = 1 / ratio
    branch[bare, R], branch[bare, X] = 0.0, _NEXT_TO_NOTHING
    parts = [f"function mpc = turned\nmpc.version = '2';\nmpc.baseMVA = {case['base_mva']!r};"]
    for name in ("bus", "gen", "gencost", "branch"):
        table = branch if name == "branch" else np.asarray(case[name])
        rows = "\n".join("\t".join(f"{value:.17g}" for value in row) + ";" for row in table.tolist())
        parts.append(f"mpc.{name} = [\n{rows}\n];")
    out.write_text("\n".join(parts) + "\n", "utf-8")
    return True


def antiparallel(branch: Floats) -> np.ndarray:
    """Rows of transformers in service that lie against most of those beside them; on a tie, against the first."""
    beside = defaultdict(list)
    for row in np.flatnonzero(branch[:, BRANCH_ON] > 0).tolist():
        tail, head = branch[row, TAIL], branch[row, HEAD]
        beside[min(tail, head), max(tail, head)].append(row)
    found: list[int] = []
    for rows in beside.values():
        along = [row for row in rows if branch[row, TAIL] == branch[rows[0], TAIL]]
        against = [row for row in rows if row not in along]
        if against and not np.isin(branch[rows, TAP], (0.0, 1.0)).all():
            found += along if len(along) < len(against) else against
    return np.array(sorted(found), dtype=np.int64)
