"""Explanations put to the test on an evaluated split."""
