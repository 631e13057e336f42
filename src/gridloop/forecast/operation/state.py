"""State: a trained forecaster as plain data and back, exactly, and without running anything that the data brings.

No pickle: what is read back is numbers, words, LightGBM's own text, diagnoses, and objects of classes of
gridloop.forecast, found by name there and nowhere else. Whoever can write the files can make a forecaster say nonsense,
but not run code. Numbers come back bit for bit, and what was one object before is one object after.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import StoreError

HOME = "gridloop.forecast"
"""The package whose classes and functions may be named in a state."""

SORT = "$"
"""Key that says what a JSON object stands for."""


@dataclass
class Parts:
    """A forecaster taken apart.

    tree    what it is made of, for JSON
    arrays  name → array
    texts   name → text of a LightGBM model
    """

    tree: Any = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def json(self) -> str:
        """The tree as JSON; not-a-number and infinity as Python writes them."""
        return json.dumps(self.tree, separators=(",", ":"))


def take_apart(thing: Any) -> Parts:
    """The parts of a forecaster. Raises `StoreError` naming what cannot be kept, such as an open file or a class that
    is not of gridloop.forecast."""
    writer = _Writer()
    writer.parts.tree = writer.encode(thing, type(thing).__name__)
    return writer.parts


def put_together(parts: Parts) -> Any:
    """The forecaster of these parts. Raises `StoreError` where they name what is not there."""
    return _Reader(parts).decode(parts.tree)


class _Writer:
    def __init__(self) -> None:
        self.parts = Parts()
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def encode(self, x: Any, path: str) -> Any:
        if x is None or type(x) in (bool, int, float, str):
            return x
        if id(x) in self._seen:
            return {SORT: "again", "id": self._seen[id(x)]}
        if isinstance(x, np.generic):
            return {SORT: "scalar", "type": x.dtype.str, "hex": x.tobytes().hex()}
        if x is pd.NaT:
            return {SORT: "nat"}
        if isinstance(x, pd.Timestamp):
            return {SORT: "time", "value": x.value, "unit": x.unit, "zone": None if x.tz is None else str(x.tz)}
        if isinstance(x, pd.Timedelta):
            return {SORT: "span", "value": x.as_unit("ns").value, "unit": x.unit}
        if type(x) is dt.date:
            return {SORT: "date", "value": x.isoformat()}
        number = self._seen[id(x)] = len(self._kept)
        self._kept.append(x)
        return {"id": number, **self._made_of(x, path)}

    def _made_of(self, x: Any, path: str) -> dict[str, Any]:
        if isinstance(x, np.ndarray) and x.dtype != object:
            name = f"a{len(self.parts.arrays)}"
            self.parts.arrays[name] = x
            return {SORT: "array", "name": name}
        if type(x) in (list, tuple, set, frozenset) or isinstance(x, np.ndarray):
            shape = {"shape": list(x.shape)} if isinstance(x, np.ndarray) else {}
            items = x.ravel().tolist() if isinstance(x, np.ndarray) else x
            if isinstance(x, (set, frozenset)):
                items = sorted(x, key=repr)  # the same set gives the same file
            return {SORT: type(x).__name__, "items": self._items(items, path), **shape}
        if isinstance(x, deque):
            return {SORT: "deque", "most": x.maxlen, "items": self._items(x, path)}
        if type(x) is dict:
            pairs = [[self.encode(k, path), self.encode(v, f"{path}[{k!r}]")] for k, v in x.items()]
            return {SORT: "dict", "items": pairs}
        if isinstance(x, (pd.DataFrame, pd.Series, pd.Index)):
            return self._table(x, path)
        if isinstance(x, partial):
            return {SORT: "partial", "of": [self.encode(part, path) for part in (x.func, x.args, x.keywords)]}
        if isinstance(x, FunctionType) and _named(x):
            return {SORT: "function", "name": f"{x.__module__}:{x.__qualname__}"}
        if type(x).__module__ == "lightgbm.basic" and type(x).__name__ == "Booster":
            name = f"booster{len(self.parts.texts)}"
            self.parts.texts[name] = x.model_to_string(num_iteration=-1)
            return {SORT: "booster", "name": name}
        if type(x) is Diagnosis:
            return {SORT: "diagnosis", "of": self._items([x.status, x.causes, x.advice, x.facts], path)}
        if type(x) is np.random.Generator:
            return {SORT: "generator", "state": self.encode(x.bit_generator.state, path)}
        if _is_ours(type(x)):
            state = [[name, self.encode(value, f"{path}.{name}")] for name, value in vars(x).items()]
            return {SORT: "object", "name": f"{type(x).__module__}:{type(x).__qualname__}", "state": state}
        raise StoreError(
            f"{path} is a {type(x).__module__}.{type(x).__qualname__}, which cannot be kept: a registry holds numbers, "
            f"words, tables, LightGBM models and objects of {HOME}.",
            path=path,
        )

    def _items(self, items: Any, path: str) -> list[Any]:
        return [self.encode(item, f"{path}[{k}]") for k, item in enumerate(items)]

    def _table(self, x: pd.DataFrame | pd.Series | pd.Index, path: str) -> dict[str, Any]:
        if isinstance(x, pd.DatetimeIndex):
            zone = None if x.tz is None else str(x.tz)
            return {SORT: "times", "values": self.encode(x.asi8.copy(), path), "unit": x.unit, "zone": zone,
                    "name": self.encode(x.name, path)}  # fmt: skip
        if isinstance(x, pd.MultiIndex):
            arrays = [self.encode(x.get_level_values(k), path) for k in range(x.nlevels)]
            return {SORT: "multi", "levels": arrays, "names": self.encode(list(x.names), path)}
        if isinstance(x, pd.Index):
            return {SORT: "index", "values": self.encode(x.to_numpy(), path), "name": self.encode(x.name, path)}
        index = self.encode(x.index, f"{path}.index")
        if isinstance(x, pd.Series):
            name = self.encode(x.name, path)
            return {SORT: "series", "values": self.encode(x.to_numpy(), path), "index": index, "name": name}
        columns = [self.encode(x.iloc[:, k].to_numpy(), f"{path}[{c!r}]") for k, c in enumerate(x.columns)]
        return {SORT: "table", "columns": self.encode(x.columns, path), "index": index, "values": columns}


class _Reader:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._made: dict[int, Any] = {}

    def decode(self, tree: Any) -> Any:
        if not isinstance(tree, dict):
            return tree
        sort = tree.get(SORT)
        if sort == "again":
            return self._made[tree["id"]]
        made = getattr(self, f"_{sort}", None)
        if made is None:
            raise StoreError(f"state: nothing is known of {sort!r}. It was written by another version.", sort=sort)
        thing = made(tree)
        if "id" in tree:
            self._made[tree["id"]] = thing
        return thing

    def _keep(self, tree: Mapping[str, Any], thing: Any) -> Any:
        """Known before its contents are, so that they may name it."""
        self._made[tree["id"]] = thing
        return thing

    def _scalar(self, tree: Mapping[str, Any]) -> Any:
        return np.frombuffer(bytes.fromhex(tree["hex"]), dtype=np.dtype(tree["type"]))[0]

    def _nat(self, tree: Mapping[str, Any]) -> Any:
        return pd.NaT

    def _time(self, tree: Mapping[str, Any]) -> pd.Timestamp:
        stamp = pd.Timestamp(tree["value"], unit="ns", tz=tree["zone"])
        return stamp.as_unit(tree["unit"])

    def _span(self, tree: Mapping[str, Any]) -> pd.Timedelta:
        return pd.Timedelta(tree["value"], unit="ns").as_unit(tree["unit"])

    def _date(self, tree: Mapping[str, Any]) -> dt.date:
        return dt.date.fromisoformat(tree["value"])

    def _array(self, tree: Mapping[str, Any]) -> np.ndarray:
        return self._parts.arrays[tree["name"]]

    def _ndarray(self, tree: Mapping[str, Any]) -> np.ndarray:
        array = np.empty(len(tree["items"]), dtype=object)
        for k, item in enumerate(tree["items"]):
            array[k] = self.decode(item)
        return array.reshape(tree["shape"])

    def _list(self, tree: Mapping[str, Any]) -> list[Any]:
        made: list[Any] = self._keep(tree, [])
        made.extend(self.decode(item) for item in tree["items"])
        return made

    def _tuple(self, tree: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(self.decode(item) for item in tree["items"])

    def _set(self, tree: Mapping[str, Any]) -> set[Any]:
        return {self.decode(item) for item in tree["items"]}

    def _frozenset(self, tree: Mapping[str, Any]) -> frozenset[Any]:
        return frozenset(self.decode(item) for item in tree["items"])

    def _deque(self, tree: Mapping[str, Any]) -> deque[Any]:
        made: deque[Any] = self._keep(tree, deque(maxlen=tree["most"]))
        made.extend(self.decode(item) for item in tree["items"])
        return made

    def _dict(self, tree: Mapping[str, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = self._keep(tree, {})
        for key, value in tree["items"]:
            made[self.decode(key)] = self.decode(value)
        return made

    def _times(self, tree: Mapping[str, Any]) -> pd.DatetimeIndex:
        values = self.decode(tree["values"]).view(f"M8[{tree['unit']}]")
        index = pd.DatetimeIndex(values, name=self.decode(tree["name"]))
        local: pd.DatetimeIndex = index if tree["zone"] is None else index.tz_localize("UTC").tz_convert(tree["zone"])
        return local

    def _multi(self, tree: Mapping[str, Any]) -> pd.MultiIndex:
        return pd.MultiIndex.from_arrays([self.decode(one) for one in tree["levels"]], names=self.decode(tree["names"]))

    def _index(self, tree: Mapping[str, Any]) -> pd.Index:
        index: pd.Index = pd.Index(self.decode(tree["values"]), name=self.decode(tree["name"]))
        return index

    def _series(self, tree: Mapping[str, Any]) -> pd.Series:
        index = self.decode(tree["index"])
        return pd.Series(self.decode(tree["values"]), index=index, name=self.decode(tree["name"]))

    def _table(self, tree: Mapping[str, Any]) -> pd.DataFrame:
        index = self.decode(tree["index"])
        columns = self.decode(tree["columns"])
        values = {k: self.decode(one) for k, one in enumerate(tree["values"])}
        return pd.DataFrame(values, index=index).set_axis(columns, axis=1)

    def _partial(self, tree: Mapping[str, Any]) -> Any:
        of, args, keywords = (self.decode(part) for part in tree["of"])
        return partial(of, *args, **keywords)

    def _function(self, tree: Mapping[str, Any]) -> Any:
        found = _find(tree["name"])
        if not isinstance(found, FunctionType):
            raise StoreError(f"state: {tree['name']} is no function.", name=tree["name"])
        return found

    def _diagnosis(self, tree: Mapping[str, Any]) -> Diagnosis:
        return Diagnosis(*(self.decode(part) for part in tree["of"]))

    def _booster(self, tree: Mapping[str, Any]) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self._parts.texts[tree["name"]])

    def _generator(self, tree: Mapping[str, Any]) -> np.random.Generator:
        state = self.decode(tree["state"])
        if state["bit_generator"] != "PCG64":
            raise StoreError(f"state: a generator of the sort {state['bit_generator']!r} is not known.")
        generator = np.random.Generator(np.random.PCG64(0))
        generator.bit_generator.state = state
        return generator

    def _object(self, tree: Mapping[str, Any]) -> Any:
        cls = _find(tree["name"])
        if not isinstance(cls, type):
            raise StoreError(f"state: {tree['name']} is no class.", name=tree["name"])
        made = self._keep(tree, object.__new__(cls))
        for name, value in tree["state"]:
            object.__setattr__(made, name, self.decode(value))  # frozen ones too; no code of the class runs
        return made


def _is_ours(cls: type) -> bool:
    return _at_home(cls.__module__) and "<locals>" not in cls.__qualname__


def _named(function: FunctionType) -> bool:
    return _at_home(function.__module__) and "<" not in function.__qualname__


def _at_home(module: str) -> bool:
    return module == HOME or module.startswith(f"{HOME}.")


def _find(name: str) -> Any:
    """What a state names. Raises `StoreError` unless it is defined in a module of `HOME`."""
    module, _, path = name.partition(":")
    try:
        if not _at_home(module):
            raise ImportError(module)
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = vars(found)[part]
    except (ImportError, KeyError, TypeError) as error:
        raise StoreError(f"state: {name} is not a part of {HOME}, and nothing else is loaded.", name=name) from error
    if getattr(found, "__module__", None) != module:
        raise StoreError(f"state: {name} is defined elsewhere, and nothing from there is loaded.", name=name)
    return found
