"""Virtual power plants: many devices behind one name, one bid and one promise."""
