"""Programs of other people in which lockon's trackers run."""
