"""Stations of air compressors: machines and curves, the best sequence, rules and their simulation, synthetic demand."""
