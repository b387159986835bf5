"""Processes in which files are decoded, so that a decoder that crashes, hangs or fills the memory costs one file."""
