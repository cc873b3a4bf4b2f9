"""The book's folder `ch08`: the names of chapter 8."""
