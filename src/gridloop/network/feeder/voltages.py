"""Nominal voltages of buses, carried from the sources through lines and transformer ratios."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping


def carry_voltages(
    known_kv: Mapping[str, float],
    equal: Iterable[tuple[str, str]],
    ratios: Iterable[tuple[str, float, str, float]],
) -> dict[str, float]:
    """Nominal line-to-line voltage of every bus that lines and transformers join to a bus of known voltage. [kV]

    known_kv  bus -> voltage, such as that of the sources; the first come counts
    equal     pairs of buses of one voltage: lines, switches, also open ones
    ratios    bus, its winding's voltage, bus, its winding's voltage; both line-to-line

    Ratios rather than ratings, so that a transformer of 12.47/0.208 behind one of 115/12.5 has no ratio of its own
    in per unit.
    """
    beside: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for a, b in equal:
        beside[a].append((b, 1.0))
        beside[b].append((a, 1.0))
    for a, kv_a, b, kv_b in ratios:
        beside[a].append((b, kv_b / kv_a))
        beside[b].append((a, kv_a / kv_b))
    found = dict(known_kv)
    queue = deque(found)
    while queue:
        bus = queue.popleft()
        for other, ratio in beside[bus]:
            if other not in found:
                found[other] = found[bus] * ratio
                queue.append(other)
    return found
