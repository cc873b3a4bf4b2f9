"""The causes: one object for each kind of fault, in a file for each family (`registry` has them all)."""
