"""What energy costs: tariffs and published prices."""
