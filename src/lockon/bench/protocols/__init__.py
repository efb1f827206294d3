"""How a tracker meets a sequence."""
