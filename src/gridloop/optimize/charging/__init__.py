"""Charging of many vehicles at one site: baselines, fair shares, weighed goals, plans made anew as cars come and go."""
