"""From a video to its clips and their evidence, in worker processes."""
