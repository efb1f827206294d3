"""Pure functions on NumPy arrays, no I/O: boxes, crops, grids, windows. Tensor counterparts live in `ops.torch`."""
