"""What commands print, and how: streams, tables, words."""
