"""The last digits: set-points whose sum is the promise itself, and not the promise to a solver's tolerance.

A linear program keeps a sum to 1e-7. What is left over in an interval goes to one device that has room for it, the one
with the most; sums are taken with `math.fsum`, which rounds once. Where nobody has room, the remainder stays, and the
caller names it.
"""

from __future__ import annotations

import math

import numpy as np

from gridloop.units import FloatArray

# A device at a bound may stand beyond it by what the solver allows itself.
SOLVER_MW = 1e-7
# Adding a remainder to a set-point rounds once more; two or three turns end it.
TURNS = 4


def take_remainder(
    injection: FloatArray, target: FloatArray, room_up: FloatArray, room_down: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Injections whose sums are the targets, and what nobody took. [step]

    injection           [device, step]  what the solver found, MW
    target              [step]          what the sum has to be
    room_up, room_down  [device, step]  how far each may rise or fall; negative for what cannot be told what to do
    """
    exact = injection.copy()
    left = np.zeros(target.size)
    for t in range(target.size):
        for _ in range(TURNS):
            rest = target[t] - math.fsum(exact[:, t])
            if rest == 0.0 or not exact.shape[0]:
                break
            room = (room_up if rest > 0 else room_down)[:, t]
            k = int(np.argmax(room))
            if room[k] < 0.0 or abs(rest) > room[k] + SOLVER_MW:
                break
            exact[k, t] += rest
        left[t] = target[t] - math.fsum(exact[:, t])
    return exact, left
