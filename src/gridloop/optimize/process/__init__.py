"""Process loads: what a batch is, when it can begin, and whether all of it can be done in time."""
