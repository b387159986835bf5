"""Training: trainer, loop, losses, precision, world, checkpoints, callbacks."""
