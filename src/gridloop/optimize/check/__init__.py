"""The independent checker: does a solution keep every balance and limit, and does it cost what it says?

It reads the raw tables of the case and knows nothing of the models: no code is shared with them.
"""

from gridloop.optimize.check.checked import Checked as Checked
from gridloop.optimize.check.commitment import CommitmentCase as CommitmentCase
from gridloop.optimize.check.dispatch import DispatchCase as DispatchCase
from gridloop.optimize.check.flow_plan import FlowPlanCase as FlowPlanCase
from gridloop.optimize.check.plan import ScheduleCase as ScheduleCase
from gridloop.optimize.check.solution import check_solution as check_solution
from gridloop.optimize.check.solution import refusal as refusal
