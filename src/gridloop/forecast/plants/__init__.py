"""Plants: what sun and wind do to a plant, by physics and from data, and the hours that say nothing about them."""
