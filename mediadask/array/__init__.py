"""Clips as lazy arrays: what a Dask task reads, how tasks share one decode, how timecode selects."""
