"""Monte-Carlo studies: samplers draw scenarios, a solver solves them, reducers keep what was asked for."""
