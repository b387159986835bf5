"""What in a fake was forged: which parts of its frames, and whose face."""
