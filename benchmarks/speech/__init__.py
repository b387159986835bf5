"""Measurements: what is learnt of speech, and from how much of it."""
