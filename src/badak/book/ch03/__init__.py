"""The book's folder `ch03`: the names of chapter 3."""
