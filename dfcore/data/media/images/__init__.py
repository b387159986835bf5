"""Images: one of them, animated ones, and those that are stored in tiles."""
