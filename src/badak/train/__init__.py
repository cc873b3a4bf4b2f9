"""Training: the loop (`fit`), and what is measured, kept, shown and said of it."""
