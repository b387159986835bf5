"""What a platform makes of a video that is uploaded to it: a smaller one, encoded again at few bits."""
