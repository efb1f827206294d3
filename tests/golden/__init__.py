"""Reference values from the official trackers, and what rebuilds their inputs; see README.md."""
