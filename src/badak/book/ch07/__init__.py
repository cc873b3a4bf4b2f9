"""The book's folder `ch07`: the names of chapter 7."""
