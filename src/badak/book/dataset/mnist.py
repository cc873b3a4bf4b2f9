"""`dataset.mnist`: the book's way to MNIST (ch. 3.6.1). The images come with badak: nothing is downloaded."""

import os as _os
import typing as _t

from badak.data import mnist as _mnist

url_base = "http://yann.lecun.com/exdb/mnist/"
key_file = {
    "train_img": "train-images-idx3-ubyte.gz",
    "train_label": "train-labels-idx1-ubyte.gz",
    "test_img": "t10k-images-idx3-ubyte.gz",
    "test_label": "t10k-labels-idx1-ubyte.gz",
}
dataset_dir = _os.path.dirname(_os.path.abspath(__file__))
save_file = dataset_dir + "/mnist.pkl"
train_num = 60000
test_num = 10000
img_dim = (1, 28, 28)
img_size = 784


def load_mnist(normalize: bool = True, flatten: bool = True, one_hot_label: bool = False) -> _t.Any:
    """Give (x_train, t_train), (x_test, t_test): float32 from 0 to 1 (uint8 without `normalize`), rows or images.

    Labels are uint8 (N,), or float64 (N, 10) with `one_hot_label`.
    """
    return _mnist.load_mnist(normalize, flatten, one_hot_label)


def download_mnist() -> None:
    """Do nothing: the images come with badak."""


def init_mnist() -> None:
    """Do nothing: the images come with badak, and no mnist.pkl is needed."""


def _change_one_hot_label(X: _t.Any) -> _t.Any:
    """Give the labels (N,) as rows (N, 10)."""
    import numpy as np

    return np.eye(10)[np.asarray(X)]


_change_ont_hot_label = _change_one_hot_label  # as the book spelled it until 2017
