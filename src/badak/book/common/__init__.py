"""The book's folder `common`: the names of what all chapters share."""
