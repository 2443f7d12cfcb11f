"""A simulated pool: the same state as a real one, among simulated workers, a simulated Dask and virtual time."""
