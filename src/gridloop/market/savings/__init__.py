"""Savings, honestly: what a measure saved in energy, money and carbon, against what, and how surely."""
