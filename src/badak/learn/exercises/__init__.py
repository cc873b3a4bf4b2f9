"""The exercises, one a file, in the order of the book. A new one is a new file here: see `badak.learn.exercise`."""
