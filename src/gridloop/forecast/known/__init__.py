"""Known: what was known at an issue (the past, records with two times, weather runs), and what is asked then."""
