"""The command line: the same doors as the library, for the terminal."""
