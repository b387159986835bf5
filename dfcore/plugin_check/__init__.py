"""Checking plugins as a whole: everything that they announce is imported, constructed and run on made data."""

from dfcore.plugin_check.check import check_plugins

__all__ = ["check_plugins"]
