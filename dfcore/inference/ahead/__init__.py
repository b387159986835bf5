"""What predict can do before anything heavy is imported: decode, while the models are loaded."""
