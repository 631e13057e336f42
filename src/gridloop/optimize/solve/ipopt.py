"""Solving smooth nonlinear programs: the only file that knows Ipopt.

casadi's wheel carries Ipopt with its C interface and MUMPS; the library is called directly, because casadi's own way to
it rebuilds every model as a graph of symbols. Callbacks are few per iteration and each is one numpy or numba call.
Source: Ipopt 3.14, IpStdCInterface.h; Wächter and Biegler (2006).
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np

from gridloop.errors import MissingExtra
from gridloop.optimize.solve.casadi_library import ONE_AT_A_TIME, load
from gridloop.units import FloatArray, IntArray

# A bound this large is none, to Ipopt.
INFINITE = 1e19
Option = str | float | int


class Program(Protocol):
    """min f(x)  with  lower ≤ x ≤ upper,  row_lower ≤ g(x) ≤ row_upper; all arrays float64, places int32 from 0."""

    lower: FloatArray
    upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    jacobian_row: Any
    jacobian_col: Any
    hessian_row: Any
    hessian_col: Any

    def objective(self, x: FloatArray) -> float:
        """f"""

    def gradient(self, x: FloatArray, out: FloatArray) -> None:
        """∇f into out"""

    def rows(self, x: FloatArray, out: FloatArray) -> None:
        """g into out"""

    def jacobian(self, x: FloatArray, out: FloatArray) -> None:
        """∇g into the slots of jacobian_row and _col; slots of one place add up"""

    def hessian(self, x: FloatArray, factor: float, weight: FloatArray, out: FloatArray) -> None:
        """factor ∇²f + Σ weight ∇²g into the slots of hessian_row and _col, lower triangle"""


@dataclass(frozen=True)
class Start:
    """Where to begin; the multipliers only for a warm start. mu: barrier to begin with"""

    x: FloatArray
    row_dual: FloatArray | None = None
    lower_dual: FloatArray | None = None
    upper_dual: FloatArray | None = None
    mu: float = 1e-6


@dataclass(frozen=True)
class NonlinearOutcome:
    """What Ipopt found. status as in `OptimalFlow`, said is Ipopt's own word for it.

    row_dual  [row] change of the Lagrangian f + Σ dual · g; lower_dual, upper_dual [column] zero or more
    """

    status: str
    said: str
    objective: float
    seconds: float
    iterations: int
    x: FloatArray = field(repr=False)
    row_dual: FloatArray = field(repr=False)
    lower_dual: FloatArray = field(repr=False)
    upper_dual: FloatArray = field(repr=False)

    @property
    def solved(self) -> bool:
        """True where Ipopt says that it is a local optimum."""
        return self.status == "optimal"


_DOUBLES = ctypes.POINTER(ctypes.c_double)
_INTS = ctypes.POINTER(ctypes.c_int)
_BOOL, _INT, _DOUBLE, _USER = ctypes.c_bool, ctypes.c_int, ctypes.c_double, ctypes.c_void_p
_F = ctypes.CFUNCTYPE(_BOOL, _INT, _DOUBLES, _BOOL, _DOUBLES, _USER)
_G = ctypes.CFUNCTYPE(_BOOL, _INT, _DOUBLES, _BOOL, _INT, _DOUBLES, _USER)
_JACOBIAN = ctypes.CFUNCTYPE(_BOOL, _INT, _DOUBLES, _BOOL, _INT, _INT, _INTS, _INTS, _DOUBLES, _USER)
_HESSIAN = ctypes.CFUNCTYPE(
    _BOOL, _INT, _DOUBLES, _BOOL, _DOUBLE, _INT, _DOUBLES, _BOOL, _INT, _INTS, _INTS, _DOUBLES, _USER
)
_STEP = ctypes.CFUNCTYPE(_BOOL, _INT, _INT, *[_DOUBLE] * 8, _INT, _USER)

_SAID: Mapping[int, tuple[str, str]] = {
    0: ("optimal", "Solve_Succeeded"),
    1: ("not_converged", "Solved_To_Acceptable_Level"),
    2: ("infeasible", "Infeasible_Problem_Detected"),
    3: ("not_converged", "Search_Direction_Becomes_Too_Small"),
    4: ("unbounded", "Diverging_Iterates"),
    5: ("interrupted", "User_Requested_Stop"),
    6: ("not_converged", "Feasible_Point_Found"),
    -1: ("not_converged", "Maximum_Iterations_Exceeded"),
    -2: ("not_converged", "Restoration_Failed"),
    -3: ("not_converged", "Error_In_Step_Computation"),
    -4: ("time_limit", "Maximum_CpuTime_Exceeded"),
    -5: ("time_limit", "Maximum_WallTime_Exceeded"),
    -10: ("solver_failed", "Not_Enough_Degrees_Of_Freedom"),
    -11: ("solver_failed", "Invalid_Problem_Definition"),
    -12: ("solver_failed", "Invalid_Option"),
    -13: ("solver_failed", "Invalid_Number_Detected"),
    -100: ("solver_failed", "Unrecoverable_Exception"),
    -101: ("solver_failed", "NonIpopt_Exception_Thrown"),
    -102: ("solver_failed", "Insufficient_Memory"),
    -199: ("solver_failed", "Internal_Error"),
}


@cache
def _library() -> ctypes.CDLL:
    lib = load("libipopt.so", "libipopt.so.3", "libipopt.dylib", "libipopt-3.dll", "ipopt.dll")
    if lib is None:
        raise MissingExtra(
            "no Ipopt library in the package casadi. Reinstall it from its wheel: pip install --force-reinstall casadi",
            extra="casadi",
        )
    lib.CreateIpoptProblem.restype = ctypes.c_void_p
    lib.CreateIpoptProblem.argtypes = [
        _INT, _DOUBLES, _DOUBLES, _INT, _DOUBLES, _DOUBLES, _INT, _INT, _INT, _F, _G, _F, _JACOBIAN, _HESSIAN,
    ]  # fmt: skip
    lib.FreeIpoptProblem.argtypes = [ctypes.c_void_p]
    for name, kind in (("Str", ctypes.c_char_p), ("Num", _DOUBLE), ("Int", _INT)):
        add = getattr(lib, f"AddIpopt{name}Option")
        add.argtypes, add.restype = [ctypes.c_void_p, ctypes.c_char_p, kind], _BOOL
    lib.SetIntermediateCallback.argtypes, lib.SetIntermediateCallback.restype = [ctypes.c_void_p, _STEP], _BOOL
    lib.IpoptSolve.argtypes = [ctypes.c_void_p, *[_DOUBLES] * 6, _USER]
    lib.IpoptSolve.restype = _INT
    return lib


def solve(
    program: Program,
    start: Start,
    *,
    options: Mapping[str, Option] | None = None,
    time_limit_s: float | None = None,
    progress: Callable[[int, float, float], bool] | None = None,
) -> NonlinearOutcome:
    """Solve a program from a start.

    progress  is told iteration, objective and largest violation; False asks Ipopt to stop

    A program that answers NaN, or raises, ends the solve with `solver_failed`; what it raised is in `said`. What
    `progress` raises is the caller's own, and comes through.
    """
    began = time.perf_counter()
    lib = _library()
    failures: list[BaseException] = []
    raised: list[BaseException] = []
    calls = _callbacks(program, failures)
    n, m = program.lower.size, program.row_lower.size
    bounds = [
        np.ascontiguousarray(np.clip(a, -INFINITE * 10, INFINITE * 10), dtype=float)
        for a in (program.lower, program.upper, program.row_lower, program.row_upper)
    ]
    if any(np.isnan(a).any() for a in (*bounds, start.x)):
        return _nothing(n, m, "solver_failed", "NaN among the bounds or in the start", time.perf_counter() - began)
    problem = lib.CreateIpoptProblem(
        n, _at(bounds[0]), _at(bounds[1]), m, _at(bounds[2]), _at(bounds[3]), program.jacobian_row.size,
        program.hessian_row.size, 0, *calls,
    )  # fmt: skip
    if not problem:
        return _nothing(n, m, "solver_failed", "Ipopt refused the problem", time.perf_counter() - began)
    counted = [0]

    def step(mode: int, iteration: int, objective: float, violation: float, *rest: Any) -> bool:
        counted[0] = iteration
        if failures:
            return False
        if progress is None:
            return True
        try:
            return bool(progress(iteration, objective, violation))
        except BaseException as error:  # carried through C and raised again below
            raised.append(error)
            return False

    keep = _STEP(step)
    x = np.clip(np.array(start.x, dtype=float), program.lower, program.upper)
    rows, value = np.zeros(m), np.zeros(1)
    dual = np.zeros(m) if start.row_dual is None else np.array(start.row_dual, dtype=float)
    low = np.ones(n) if start.lower_dual is None else np.array(start.lower_dual, dtype=float)
    high = np.ones(n) if start.upper_dual is None else np.array(start.upper_dual, dtype=float)
    try:
        for name, setting in {**_OPTIONS, **_warm(start), **(options or {})}.items():
            if not _set(lib, problem, name, setting):
                raise ValueError(f"Ipopt has no option {name} = {setting!r}")
        lib.SetIntermediateCallback(problem, keep)
        with ONE_AT_A_TIME:
            if time_limit_s is not None:
                left = float(time_limit_s) - (time.perf_counter() - began)
                _set(lib, problem, "max_wall_time", max(left, 1e-3))
            code = lib.IpoptSolve(problem, _at(x), _at(rows), _at(value), _at(dual), _at(low), _at(high), None)
    finally:
        with ONE_AT_A_TIME:
            lib.FreeIpoptProblem(problem)
    seconds = time.perf_counter() - began
    through = [*raised, *(f for f in failures if not isinstance(f, Exception))]
    if through:
        raise through[0]
    if failures:
        return _nothing(n, m, "solver_failed", f"{type(failures[0]).__name__}: {failures[0]}", seconds, counted[0])
    status, said = _SAID.get(code, ("solver_failed", f"code {code}"))
    found = (x, dual, low, high)
    if status == "optimal" and not all(np.isfinite(a).all() for a in (*found, value)):
        return _nothing(n, m, "solver_failed", f"{said}, with NaN in the answer", seconds, counted[0])
    return NonlinearOutcome(status, said, float(value[0]), seconds, counted[0], *found)


def _nothing(n: int, m: int, status: str, said: str, seconds: float, iterations: int = 0) -> NonlinearOutcome:
    none = np.full(n, math.nan)
    return NonlinearOutcome(status, said, math.nan, seconds, iterations, none, np.full(m, math.nan), none, none)


# Bounds stay exactly where they are (by default they are widened by 1e-8 of their size), so that an answer is within
# its limits to the last digit.
_OPTIONS: Mapping[str, Option] = {
    "print_level": 0,
    "sb": "yes",
    "tol": 1e-8,
    "bound_relax_factor": 0.0,
    "max_iter": 1000,
    "linear_solver": "mumps",
}


def _warm(start: Start) -> dict[str, Option]:
    if start.row_dual is None:
        return {}
    push = {f"warm_start_{name}": 1e-9 for name in _PUSHES}
    return {"warm_start_init_point": "yes", "mu_init": start.mu, **push}


_PUSHES = ("bound_push", "bound_frac", "slack_bound_push", "slack_bound_frac", "mult_bound_push")


def _set(lib: ctypes.CDLL, problem: int, name: str, setting: Option) -> bool:
    if isinstance(setting, str):
        return bool(lib.AddIpoptStrOption(problem, name.encode(), setting.encode()))
    if isinstance(setting, int):
        return bool(lib.AddIpoptIntOption(problem, name.encode(), setting))
    return bool(lib.AddIpoptNumOption(problem, name.encode(), float(setting)))


def _at(a: FloatArray) -> Any:
    return a.ctypes.data_as(_DOUBLES)


def _view(pointer: Any, size: int) -> FloatArray:
    """Memory of Ipopt as an array; nothing is copied."""
    return np.ctypeslib.as_array(pointer, shape=(size,))


def _callbacks(program: Program, failures: list[BaseException]) -> tuple[Any, ...]:
    """The five functions that Ipopt calls. One that raises says so to Ipopt, and the first error is kept."""

    def guarded(work: Callable[[], None]) -> bool:
        try:
            work()
        except BaseException as error:  # nothing may fly through C
            failures.append(error)
            return False
        return True

    def objective(n: int, x: Any, new: bool, out: Any, user: Any) -> bool:
        def work() -> None:
            out[0] = program.objective(_view(x, n))

        return guarded(work)

    def gradient(n: int, x: Any, new: bool, out: Any, user: Any) -> bool:
        return guarded(lambda: program.gradient(_view(x, n), _view(out, n)))

    def rows(n: int, x: Any, new: bool, m: int, out: Any, user: Any) -> bool:
        return guarded(lambda: program.rows(_view(x, n), _view(out, m)))

    def jacobian(n: int, x: Any, new: bool, m: int, size: int, row: Any, col: Any, out: Any, user: Any) -> bool:
        if not out:
            return guarded(lambda: _places(row, col, size, program.jacobian_row, program.jacobian_col))
        return guarded(lambda: program.jacobian(_view(x, n), _view(out, size)))

    def hessian(
        n: int, x: Any, new: bool, factor: float, m: int, weight: Any, newer: bool, size: int, row: Any, col: Any,
        out: Any, user: Any,
    ) -> bool:  # fmt: skip
        if not out:
            return guarded(lambda: _places(row, col, size, program.hessian_row, program.hessian_col))
        return guarded(lambda: program.hessian(_view(x, n), factor, _view(weight, m), _view(out, size)))

    return _F(objective), _G(rows), _F(gradient), _JACOBIAN(jacobian), _HESSIAN(hessian)


def _places(row: Any, col: Any, size: int, rows: IntArray, cols: IntArray) -> None:
    np.ctypeslib.as_array(row, shape=(size,))[:] = rows
    np.ctypeslib.as_array(col, shape=(size,))[:] = cols
