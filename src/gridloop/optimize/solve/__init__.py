"""Solvers: the only place that knows which there are. One file per kind of problem."""

from gridloop.optimize.solve.linear import Session as Session
from gridloop.optimize.solve.outcome import GAVE_WAY as GAVE_WAY
from gridloop.optimize.solve.outcome import Outcome as Outcome
from gridloop.optimize.solve.rows import Conflict as Conflict
from gridloop.optimize.solve.rows import Excess as Excess
from gridloop.optimize.solve.rows import Fix as Fix
from gridloop.optimize.solve.rows import Row as Row
