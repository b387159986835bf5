"""What a run runs on: processes, signals, time limit, memory, log."""
