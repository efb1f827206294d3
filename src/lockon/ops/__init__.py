"""Pure functions on NumPy arrays without I/O: boxes, crops, grids, windows. Tensor counterparts live in `ops.torch`."""
