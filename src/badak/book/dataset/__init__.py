"""The book's folder `dataset`: the names of the data."""
