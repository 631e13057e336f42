"""Features: what a model may know of a moment, one transform per file."""
