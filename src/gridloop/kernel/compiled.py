"""How kernels are compiled: without the interpreter's lock, kept on disk, and without what nobody calls.

For every function numba also compiles a way in from Python and one from C. With arguments of many arrays those take
longer than the kernel itself; a kernel that only kernels call needs neither, and no machine code of its own either:
its code, made fast, is put into that of its callers.

numba keeps what it compiled beside the source, and forgets it when that file changes. A kernel that calls another
would then go on with the old one, and one that names a type which a newer version has dropped would fail to load. So
the names of what is kept carry a fingerprint of all kernels. Where nothing can be kept (a folder that nobody may write
to), kernels are compiled anew in every process.

A number divided by zero is infinite, as in numpy: a lane in which that happens is judged with the others.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

_compiled: Any = njit  # numba's types leave these options out


def _fingerprint() -> str:
    """Of all sources of kernels."""
    digest = hashlib.blake2b(digest_size=6)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


FINGERPRINT = _fingerprint()


class _Codegen:
    """What a part asks for: numba's own, but for the place of its globals, which are its callers'."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, name: str, env: Any) -> None:
        """Nothing: there is no such place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class _Part(JITCodeLibrary):
    """Code to be linked into that of others, not translated to machine code by itself."""

    @property
    def codegen(self) -> Any:
        """See `_Codegen`."""
        return _Codegen(self._codegen)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """0: it has no place in memory."""
        return 0


@contextmanager
def _uncollected() -> Iterator[None]:
    """Compiling makes millions of small objects, and looking for garbage among them takes a sixth of its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Outer(Compiler):
    """Compiles a kernel that Python calls, and what it calls."""

    def compile_extra(self, func: Any) -> Any:
        """See numba."""
        with _uncollected():
            return super().compile_extra(func)


class _Inner(_Outer):
    """Compiles a kernel that kernels alone call."""

    def compile_extra(self, func: Any) -> Any:
        """See numba."""
        self.state.library = _Part(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


def kernel(**options: Any) -> Callable[[Any], Any]:
    """Decorator for a kernel that Python calls, compiled with these options."""
    options = {"nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy", "pipeline_class": _Outer} | options

    def compile_later(function: Any) -> Any:
        try:
            made = _compiled(cache=True, **options)(function)
        except RuntimeError:  # no place to keep it
            return _compiled(**options)(function)
        cache = made._cache
        name = f"{cache._impl.filename_base}-{FINGERPRINT}"
        cache._cache_file = IndexDataCacheFile(cache._cache_path, name, cache._impl.locator.get_source_stamp())
        return made

    return compile_later


# Called from Python.
outer = kernel()


def inner(function: Any) -> Any:
    """Decorator for a kernel that kernels alone call. It is kept as a part of theirs."""
    return _compiled(
        nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=True, error_model="numpy", pipeline_class=_Inner
    )(function)
