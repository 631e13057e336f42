"""The grid as tables: schema, versions, validation, merging, topology, and arrays for the arithmetic."""
