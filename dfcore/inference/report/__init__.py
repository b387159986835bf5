"""The report: a page for a file that was judged, and an index of several."""
