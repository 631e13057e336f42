"""Very large fleets: the cheapest charging of up to millions of vehicles under one limit, exactly."""
