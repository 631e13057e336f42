"""Versions of a network: earlier ones from the history, later ones from recorded edits, and edits as plain data.

An edit holds what was before and after, so that a history can be walked both ways; its digest proves each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from gridloop.errors import BadInput
from gridloop.network import tables
from gridloop.network.model import Edit, Network, Value


def at_version(net: Network, version: int) -> Network:
    """A network as it was at an earlier version: same content, same digest; rows may stand in another order.

    Raises `BadInput` for a version that the history does not reach.
    """
    first = net.version - sum(edit.action != "merge" for edit in net.history)
    if not first <= version <= net.version:
        raise BadInput(f"network {net.name!r} has versions {first} to {net.version}, not {version}.", version=version)
    while net.version > version:
        net = _undo(net)
    return net


def replay(base: Network, edits: Iterable[Edit]) -> Network:
    """The network that recorded edits make of a base version.

    Raises `BadInput` where an edit does not follow the version it meets, or does not give the digest it recorded.
    """
    net = base
    for edit in edits:
        if edit.version != net.version + 1:
            raise BadInput(
                f"edit {edit.version} does not follow version {net.version} of network {net.name!r}.",
                version=edit.version,
            )
        said: dict[str, Any] = {"author": edit.author, "time": edit.time, "reason": edit.reason}
        after = {i: {c: _cell(pair[1]) for c, pair in row.items()} for i, row in edit.changes.items()}
        if edit.action == "edit":
            net = net.edit(edit.table, after, **said)
        elif edit.action == "add":
            rows = pd.DataFrame.from_dict(after, orient="index", columns=net.tables[edit.table].columns)
            net = net.add(edit.table, rows, **said)
        else:
            net = net.remove(edit.table, list(edit.changes), **said)
        if net.digest != edit.digest:
            raise BadInput(
                f"edit {edit.version} gives another network than it did when {edit.author} made it; the base is not "
                "the one it was made on.",
                version=edit.version,
            )
    return net


def edit_to_dict(edit: Edit) -> dict[str, Any]:
    """An edit as JSON can hold it; `edit_from_dict` gives it back exactly."""
    return {
        "version": edit.version,
        "author": edit.author,
        "time": edit.time.isoformat(),
        "reason": edit.reason,
        "action": edit.action,
        "table": edit.table,
        "changes": {i: {c: list(pair) for c, pair in row.items()} for i, row in edit.changes.items()},
        "digest": edit.digest,
    }


def edit_from_dict(data: Mapping[str, Any]) -> Edit:
    """An edit from `edit_to_dict`."""
    return Edit(
        version=int(data["version"]),
        author=data["author"],
        time=pd.Timestamp(data["time"]),
        reason=data["reason"],
        action=data["action"],
        table=data["table"],
        changes={i: {c: (pair[0], pair[1]) for c, pair in row.items()} for i, row in data["changes"].items()},
        digest=data["digest"],
    )


def _cell(value: Value) -> Any:
    return float("nan") if value is None else value


def _undo(net: Network) -> Network:
    edit = net.history[-1]
    frame = net.tables[edit.table]
    if edit.action == "add":
        frame = frame.drop(index=list(edit.changes))
    elif edit.action == "remove":
        back = {i: {c: _cell(pair[0]) for c, pair in row.items()} for i, row in edit.changes.items()}
        rows = pd.DataFrame.from_dict(back, orient="index", columns=frame.columns)
        frame = pd.concat([frame.astype(object), rows.astype(object)]) if len(frame) else rows
    else:
        frame = frame.astype(object)
        for identity, row in edit.changes.items():
            for column, pair in row.items():
                frame.at[identity, column] = _cell(pair[0])
    typed = tables.retyped(edit.table, frame, net.tables[edit.table].dtypes)
    return Network({**net.tables, edit.table: typed}, net.name, net.version - 1, net.history[:-1])
