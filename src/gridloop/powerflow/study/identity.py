"""Identity of a study: a digest of all that decides its result, so that a checkpoint is taken up by its own study
only."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from gridloop.errors import BadInput
from gridloop.powerflow.study.job import Job
from gridloop.powerflow.study.samplers import Sampler

FORMAT = 1


def identity(job: Job, sampler: Sampler, seed: int) -> dict[str, Any]:
    """What must be equal for two runs to be parts of one study: names → values for people and for comparison."""
    return {
        "format": FORMAT,
        "gridloop": version("gridloop"),
        "n": job.n,
        "seed": int(seed),
        "chunk": job.chunk,
        "solver": job.solver.digest,
        "sampler": f"{type(sampler).__name__} {fingerprint(sampler)}",
        "reduce": {name: f"{type(r).__name__} {fingerprint(r)}" for name, r in job.reducers.items()},
    }


def fingerprint(value: Any) -> str:
    """sha256 of a description: of dataclasses, tables, arrays, mappings, sequences and plain values, by content.

    Anything else counts by its pickle. Raises `BadInput` where it has none.
    """
    digest = sha256()
    _add(digest, value)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    kind = type(value)
    digest.update(f"{kind.__module__}.{kind.__qualname__}(".encode())
    if value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
        digest.update(repr(value).encode())
    elif isinstance(value, np.ndarray) and value.dtype != object:
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, pd.DataFrame):
        _add(digest, value.index)
        _add(digest, value.columns)
        for column in range(value.shape[1]):
            _add(digest, value.iloc[:, column].to_numpy())
    elif isinstance(value, pd.Series):
        _add(digest, value.index)
        _add(digest, value.to_numpy())
    elif isinstance(value, pd.Index):
        _add(digest, value.to_numpy())
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _add(digest, field.name)
            _add(digest, getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            _add(digest, key)
            _add(digest, value[key])
    elif isinstance(value, (list, tuple, np.ndarray)):
        for item in value:
            _add(digest, item)
    else:
        try:
            digest.update(pickle.dumps(value, protocol=4))
        except Exception as error:
            raise BadInput(
                f"{value!r} has no content that a checkpoint could be compared by ({error}). Make it a dataclass, "
                "or leave the checkpoint out."
            ) from error
    digest.update(b")")
