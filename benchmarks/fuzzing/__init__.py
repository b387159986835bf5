"""The parts of ``benchmarks/fuzz.py``: good files, mutations of them, the doors that they go through, and the judge."""
