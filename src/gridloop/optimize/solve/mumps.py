"""Symmetric indefinite linear systems: the only file that knows MUMPS.

casadi's wheel carries the library that its Ipopt uses; it is called directly through its C structure, which is checked
against the version that the library itself reports: a library of another layout counts as none. Source: MUMPS 5.8
users' guide, dmumps_c.h.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from gridloop.kernel.triplets import multiply
from gridloop.optimize.solve.casadi_library import ONE_AT_A_TIME, load
from gridloop.units import FloatArray, IntArray

_INT, _LONG, _REAL = ctypes.c_int, ctypes.c_int64, ctypes.c_double
_PTR = ctypes.c_void_p
_KNOWN = b"5.8"


def _fields(*parts: tuple[Any, str]) -> list[tuple[str, Any]]:
    return [(name, kind) for kind, names in parts for name in names.split()]


class _Struct(ctypes.Structure):
    _fields_ = _fields(
        (_INT, "sym par job comm_fortran"),
        (_INT * 60, "icntl"),
        (_INT * 500, "keep"),
        (_REAL * 15, "cntl"),
        (_REAL * 230, "dkeep"),
        (_LONG * 150, "keep8"),
        (_INT, "n nblk nz_alloc nz"),
        (_LONG, "nnz"),
        (_PTR, "irn jcn a"),
        (_INT, "nz_loc"),
        (_LONG, "nnz_loc"),
        (_PTR, "irn_loc jcn_loc a_loc"),
        (_INT, "nelt"),
        (_PTR, "eltptr eltvar a_elt blkptr blkvar perm_in sym_perm uns_perm colsca rowsca"),
        (_INT, "colsca_from_mumps rowsca_from_mumps"),
        (_PTR, "colsca_loc rowsca_loc rowind colind pivots"),
        (_PTR, "rhs redrhs rhs_sparse sol_loc rhs_loc rhsintr"),
        (_PTR, "irhs_sparse irhs_ptr isol_loc irhs_loc glob2loc_rhs glob2loc_sol"),
        (_INT, "nrhs lrhs lredrhs nz_rhs lsol_loc nloc_rhs lrhs_loc nsol_loc"),
        (_INT, "schur_mloc schur_nloc schur_lld mblock nblock nprow npcol ld_rhsintr"),
        (_INT * 80, "info infog"),
        (_REAL * 40, "rinfo rinfog"),
        (_INT, "deficiency"),
        (_PTR, "pivnul_list mapping singular_values"),
        (_INT, "size_schur"),
        (_PTR, "listvar_schur schur wk_user"),
        (ctypes.c_char * 32, "version_number"),
        (ctypes.c_char * 1024, "ooc_tmpdir"),
        (ctypes.c_char * 256, "ooc_prefix"),
        (ctypes.c_char * 1024, "write_problem"),
        (_INT, "lwk_user"),
        (ctypes.c_char * 1024, "save_dir"),
        (ctypes.c_char * 256, "save_prefix"),
        (_INT * 40, "metis_options"),
        (_INT, "instance_number"),
        (ctypes.c_char * 65536, "spare"),  # what a later one of this version may have added is written here
    )


_USE_COMM_WORLD = -987654
_SYMMETRIC = 2
# Jobs of the library.
_INIT, _END, _ANALYSE, _FACTORIZE, _SOLVE = -1, -2, 1, 2, 3
# What it says where its guess of the memory was too low.
_MEMORY = (-8, -9)
# Instances that are to be ended.
_DISCARDED: list[_Struct] = []


@cache
def _library() -> ctypes.CDLL | None:
    try:
        lib = load("libcoinmumps.so", "libcoinmumps.so.3")
        if lib is None:
            return None
        lib.dmumps_c.argtypes, lib.dmumps_c.restype = [ctypes.POINTER(_Struct)], None
    except (OSError, AttributeError):
        return None
    trial = _started(lib)
    known = bool(trial.version_number.startswith(_KNOWN)) and trial.infog[0] == 0
    if known:
        trial.icntl[0:4] = [-1, -1, -1, 0]
        _call(lib, trial, _END)
    return lib if known else None


def available() -> bool:
    """True where there is a library whose layout is known."""
    return _library() is not None


def _started(lib: ctypes.CDLL) -> _Struct:
    _end_discarded(lib)
    at = _Struct()
    at.par, at.sym, at.comm_fortran = 1, _SYMMETRIC, _USE_COMM_WORLD
    _call(lib, at, _INIT)
    return at


def _call(lib: ctypes.CDLL, at: _Struct, job: int) -> int:
    """Do a job; what the library says of it, below zero where it failed."""
    at.job = job
    with ONE_AT_A_TIME:
        lib.dmumps_c(ctypes.byref(at))
    return int(at.infog[0])


def _end_discarded(lib: ctypes.CDLL) -> None:
    """Free what nobody holds any more, unless another thread is inside: then the next one does it. Waiting here could
    last for ever, for objects are discarded at any place."""
    if not _DISCARDED or not ONE_AT_A_TIME.acquire(blocking=False):
        return
    try:
        while _DISCARDED:
            _call(lib, _DISCARDED.pop(), _END)
    finally:
        ONE_AT_A_TIME.release()


class SymmetricFactors:
    """Factors of one pattern, for any values. row, col: the lower triangle, from 0; entries of one place add up."""

    def __init__(self, size: int, row: IntArray, col: IntArray) -> None:
        lib = _library()
        assert lib is not None, "ask `available` first"
        self._lib, self.size = lib, size
        self.row, self.col = np.ascontiguousarray(row, dtype=np.int64), np.ascontiguousarray(col, dtype=np.int64)
        self._irn, self._jcn = (np.ascontiguousarray(a + 1, dtype=np.int32) for a in (self.row, self.col))
        self._values = np.zeros(row.size)
        at = _started(lib)
        begun = at.infog[0] >= 0
        self._at = at if begun else None
        for place, value in _SETTINGS.items():
            at.icntl[place - 1] = value
        if size >= LARGE:
            at.icntl[6] = _DISSECTION
        at.cntl[0] = PIVOT
        at.n, at.nnz = size, row.size
        at.irn, at.jcn, at.a = (x.ctypes.data for x in (self._irn, self._jcn, self._values))
        self._ready = begun and _call(lib, at, _ANALYSE) >= 0

    def factorize(self, values: FloatArray) -> int:
        """How many eigenvalues are negative; −1 where the matrix is singular, or the library could not begin."""
        if self._at is None or not self._ready:
            return -1
        self._values[:] = values
        for _ in range(8):
            said = _call(self._lib, self._at, _FACTORIZE)
            if said not in _MEMORY:
                break
            self._at.icntl[13] *= 2
        return int(self._at.infog[11]) if said >= 0 else -1

    def solve(self, rhs: FloatArray) -> FloatArray:
        """The solution, with the factors of the last values."""
        assert self._at is not None, "factorize first"
        x = np.array(rhs, dtype=float)
        self._at.rhs, self._at.nrhs, self._at.lrhs = x.ctypes.data, 1, self.size
        _call(self._lib, self._at, _SOLVE)
        return x

    def multiply(self, x: FloatArray) -> FloatArray:
        """Product with the matrix itself."""
        out = np.zeros(self.size)
        multiply(self.row, self.col, self._values, x, out)
        return out

    def __del__(self) -> None:
        at: _Struct | None = getattr(self, "_at", None)
        if at is not None:
            _DISCARDED.append(at)
            _end_discarded(self._lib)


_MINIMUM_DEGREE, _DISSECTION = 0, 5
# From this size on nested dissection finds the better order, by more than it takes longer.
LARGE = 10_000
# Pivots are taken where they are at least this share of their column: small keeps the sparse order, refinement does the
# rest.
PIVOT = 1e-6
# 1 to 4: say nothing. 6, 8: scaling and matching. 7: ordering. 10: refinement is ours. 14: memory above the guess, in
# percent. No scaling: our rows are of a size already, and finding one takes as long as a third of the factors.
_SETTINGS = {1: -1, 2: -1, 3: -1, 4: 0, 6: 0, 7: _MINIMUM_DEGREE, 8: 0, 10: 0, 14: 100, 24: 0}
