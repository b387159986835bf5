"""Explanations: what a score rests on, tested by taking it away; imported as :func:`dfcore.explain`."""
