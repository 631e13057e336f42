"""Columns of the table of units that the kernels of commitments read. [unit, COLUMNS]"""

P_MIN, P_MAX, RAMP_UP, RAMP_DOWN = 0, 1, 2, 3  # MW, and MW per hour
START_MAX, STOP_MAX = 4, 5  # most output in the first hour and in the last
STOP_CAP = 6  # most output with reserve in the last hour
UP_MIN, DOWN_MIN = 7, 8  # least times, hours
ON_BEFORE, HOURS_BEFORE, P_BEFORE = 9, 10, 11  # the state before the first hour
COLUMNS = 12
