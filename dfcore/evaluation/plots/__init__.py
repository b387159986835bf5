"""Plots of training and of evaluation."""
