"""Whole evaluations: from weights and a dataset to a report. :mod:`dfcore.evaluation` has the figures themselves."""
