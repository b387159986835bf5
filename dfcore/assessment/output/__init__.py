"""An evaluation as files, and as tables for a terminal."""
