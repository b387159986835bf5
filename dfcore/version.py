"""The one version of the six distributions."""

__version__ = "0.1.0"
