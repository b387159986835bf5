"""The people who are seen: their features, drawn from a seed, and their heads, rendered."""
