"""Models: one forecaster per file."""
