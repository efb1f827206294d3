"""Questions asked of trackers and of stored results: scores, alignment, stability, absence, and pairs side by side."""
