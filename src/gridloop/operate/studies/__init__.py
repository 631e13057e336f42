"""Studies that join forecasts, plans and what then comes."""
