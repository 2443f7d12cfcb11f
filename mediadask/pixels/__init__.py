"""Picture math on one frame at a time: NumPy in, NumPy out."""
