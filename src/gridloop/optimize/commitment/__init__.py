"""Unit commitment: which units run when, at what output, with a bound on what any other plan could save."""
