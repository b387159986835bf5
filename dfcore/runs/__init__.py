"""A run's folder, the list of runs, and what may be deleted of them; without torch."""
