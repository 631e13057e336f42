"""Why a problem has no solution: plain causes first, then a minimal conflicting set, then the least relaxation."""

from gridloop.optimize.conflict.diagnose import conflicting_rules as conflicting_rules
from gridloop.optimize.conflict.plain import Cause as Cause
from gridloop.optimize.conflict.plain import plain_causes as plain_causes
from gridloop.optimize.conflict.plain_units import plain_unit_causes as plain_unit_causes
from gridloop.optimize.conflict.system import LinearSystem as LinearSystem
from gridloop.optimize.conflict.system import Rule as Rule
