"""How kernels are compiled: without the interpreter's lock, kept on disk, and without what nobody calls.

For every function numba also compiles a way in from Python and one from C. With arguments of many arrays those take
longer than the kernel itself; a kernel that only kernels call needs neither.
"""

from __future__ import annotations

from typing import Any

from numba import njit

_compiled: Any = njit  # numba's types leave these options out

# Called from Python.
outer = _compiled(cache=True, nogil=True, no_cfunc_wrapper=True)
# Called by kernels alone.
inner = _compiled(cache=True, nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True)
