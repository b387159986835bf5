"""A specialist's file of weights: looked into, checked, read and written."""
