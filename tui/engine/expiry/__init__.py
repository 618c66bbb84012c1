"""What expires when: lifetimes by family, cliffs, forecasts, and changes of the TTLs of a family."""
