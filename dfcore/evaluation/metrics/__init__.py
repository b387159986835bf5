"""What scores are worth: metrics, their intervals, curves, and the floor that nuisance alone reaches."""
