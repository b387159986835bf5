"""Measurements: what clip stores take, and how fast they are read."""
