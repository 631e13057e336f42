"""How kernels are compiled: without the interpreter's lock, kept on disk, and without what nobody calls.

For every function numba also compiles a way in from Python and one from C. With arguments of many arrays those take
longer than the kernel itself; a kernel that only kernels call needs neither.

numba keeps what it compiled beside the source, and forgets it when that file changes. A kernel that calls another
would then go on with the old one, and one that names a type which a newer version has dropped would fail to load. So
the names of what is kept carry a fingerprint of all kernels. Where nothing can be kept (a folder that nobody may write
to), kernels are compiled anew in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import IndexDataCacheFile

_compiled: Any = njit  # numba's types leave these options out


def _fingerprint() -> str:
    """Of all sources of kernels."""
    digest = hashlib.blake2b(digest_size=6)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


FINGERPRINT = _fingerprint()


def kernel(**options: Any) -> Callable[[Any], Any]:
    """Decorator for a kernel, compiled with these options."""

    def compile_later(function: Any) -> Any:
        try:
            made = _compiled(cache=True, nogil=True, no_cfunc_wrapper=True, **options)(function)
        except RuntimeError:  # no place to keep it
            return _compiled(nogil=True, no_cfunc_wrapper=True, **options)(function)
        cache = made._cache
        name = f"{cache._impl.filename_base}-{FINGERPRINT}"
        cache._cache_file = IndexDataCacheFile(cache._cache_path, name, cache._impl.locator.get_source_stamp())
        return made

    return compile_later


# Called from Python.
outer = kernel()
# Called by kernels alone.
inner = kernel(no_cpython_wrapper=True)
