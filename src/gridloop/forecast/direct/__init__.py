"""Direct: one model for all points and all leads of a kind, and what it takes to trust it."""
