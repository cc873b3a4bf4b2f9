"""Data: MNIST and others, and the order in which samples are drawn."""
