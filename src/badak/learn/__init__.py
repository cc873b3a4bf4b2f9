"""Exercises in the order of the book: written out as files with a blank, checked at every save, marked for a class.

`learn` watches a folder, `hint` gives the next hint, `status` the progress, `mark` a table of a class's hand-ins:
all in `badak.learn.command`. An exercise is one file in `exercises/`.
"""
