"""Inference: verdicts on files, the ensemble, explanations."""
