"""Measurements: what preparing takes."""
