"""The book's folder `ch06`: the names of chapter 6. Its classes are in `common`."""
