"""The book's folder `ch05`: the names of chapter 5."""
