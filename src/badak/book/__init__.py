"""The book's own import names: after `import badak.book`, what a reader types from the book finds badak.

`from common.layers import Affine`, `from dataset.mnist import load_mnist`, `from two_layer_net import TwoLayerNet` and
the like work from any folder; a file of that name beside the script wins. `badak book SCRIPT.py`, or
`python -m badak.book SCRIPT.py`, runs an unchanged script so.

The book's habits are kept here, and only here: global random numbers in the book's order, Dropout that scales when
predicting, parameters in a dictionary. Its faults are mended, with a line on standard error where that changes a
result. docs/book.md tells both.
"""

from badak.book.imports import install
from badak.book.pickles import load_pickle as load_pickle
from badak.book.running import run as run

install()
