"""The worker's side of a pool: runs units, and has them pause between frames."""
