"""Buildings as resistances and capacities: identified from data, simulated, and run by a thermostat.

It stands under `optimize` and not under `forecast`: what is identified is the model that a plan's equations are made
of. A forecast of the weather comes from outside.
"""
