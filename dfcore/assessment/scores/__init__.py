"""The scores of what is evaluated, how they are kept on disk, and what is decided by them."""
