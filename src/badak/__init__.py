"""badak (바닥, "the floor"): a deep-learning library that you can see to the bottom of."""

__version__ = "0.1.0"
