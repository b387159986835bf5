"""What can be wrong with a dataset before it is used: unreadable files, leaks between splits, shortcuts."""
