"""Temporal inconsistency: between frames: flicker and motion that do not fit."""
