"""Training: tasks, losses, assigners, the loop."""
