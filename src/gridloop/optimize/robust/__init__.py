"""Plans for many possible futures: what is decided now is the same in all of them, the rest may differ."""
