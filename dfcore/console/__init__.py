"""What is said on the terminal while the library works: lines, bars, warnings."""
