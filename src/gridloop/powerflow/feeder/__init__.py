"""Power flow of three-phase feeders: arrays for the solvers, tap control, and the tables that come out."""
