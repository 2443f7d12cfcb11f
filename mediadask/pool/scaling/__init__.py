"""How many workers there should be, and what brings and takes them. It knows nothing of Dask's scheduler."""
