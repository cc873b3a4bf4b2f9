"""`python -m badak.book SCRIPT.py [its arguments]`; a notebook too."""

import sys

from badak.book import run

if len(sys.argv) < 2:
    sys.exit("usage: python -m badak.book SCRIPT.py|NOTEBOOK.ipynb [its arguments]")
try:
    run(sys.argv[1], sys.argv[2:])
except (OSError, ValueError) as error:
    sys.exit(f"badak: {error}")
