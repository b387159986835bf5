"""Files and folders: what a path leads to, how a file is written, and whose an unfinished one is."""
