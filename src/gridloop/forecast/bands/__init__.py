"""Bands: quantiles moved until they cover what their names say."""
