"""Microgrids: what holds an island's frequency, who is served in it, how long it lives, and how it comes back."""
