"""The clip store: its format, its index, writing and reading."""
