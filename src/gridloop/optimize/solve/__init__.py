"""Solvers: the only place that knows which there are. One file per kind of problem."""

from gridloop.optimize.solve.linear import GAVE_WAY as GAVE_WAY
from gridloop.optimize.solve.linear import Conflict as Conflict
from gridloop.optimize.solve.linear import Excess as Excess
from gridloop.optimize.solve.linear import Fix as Fix
from gridloop.optimize.solve.linear import Outcome as Outcome
from gridloop.optimize.solve.linear import Row as Row
from gridloop.optimize.solve.linear import Session as Session
