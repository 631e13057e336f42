"""Three-phase feeders as tables: every phase of a bus is a node of its own, every coil and conductor a branch."""
