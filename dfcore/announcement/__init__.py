"""What an announcement must be, and how a mistake in one is told: the line, the nearest name, what to write."""
