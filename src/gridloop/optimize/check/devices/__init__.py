"""Rules of every kind of device in a plan, from their definitions."""
