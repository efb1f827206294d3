"""What learns while it tracks: filters fitted to a target by a few steps of optimisation; NumPy's arrays or torch's tensors alike."""
