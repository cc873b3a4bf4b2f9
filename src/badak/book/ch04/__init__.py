"""The book's folder `ch04`: the names of chapter 4."""
