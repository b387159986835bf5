"""Measurements: dfcore beside other libraries, each of which needs a checkout."""
