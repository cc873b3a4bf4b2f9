"""What is pickled under `badak book` loads with the book's own code, and the other way round."""

import numpy as np
from numpy.testing import assert_array_equal

from badak.book import run
from book_layouts import anew, book, layout, python

__all__ = ["anew", "layout"]  # fixtures

# -- pickles ---------------------------------------------------------------------------------------------------------

MAKE = """
import pickle, sys
import numpy as np
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import Adam
from ch07.simple_convnet import SimpleConvNet
from two_layer_net import TwoLayerNet
nets = [TwoLayerNet(6, 4, 3), MultiLayerNetExtend(6, [4], 3, use_batchnorm=True, use_dropout=True),
        SimpleConvNet((1, 8, 8), {'filter_num': 2, 'filter_size': 3, 'pad': 0, 'stride': 1}, 4, 3)]
x, t = np.random.rand(5, 6), np.array([0, 1, 2, 0, 1])
for net in nets[:2]:
    adam = Adam()
    adam.update(net.params, net.gradient(x, t))
pickle.dump((nets, adam, [net.predict(x) for net in nets[:2]], x, t), open('nets.pkl', 'wb'))
"""
# Classes of the same names, as the book's own code has them: state and no more.
STAND_INS = {
    "common/layers.py": "class Affine: pass\nclass Relu: pass\nclass SoftmaxWithLoss: pass\nclass Dropout: pass\n"
                        "class BatchNormalization: pass\nclass Convolution: pass\nclass Pooling: pass\n",
    "common/multi_layer_net_extend.py": "class MultiLayerNetExtend: pass",
    "common/optimizer.py": "class Adam: pass", "ch07/simple_convnet.py": "class SimpleConvNet: pass",
    "two_layer_net.py": "class TwoLayerNet: pass",
}  # fmt: skip
SHOW = """
import pickle, sys
nets, adam, *_ = pickle.load(open('nets.pkl', 'rb'))
for net in nets:
    print(type(net).__name__, type(net.params), *sorted(vars(net)))
    layers = list(net.layers.values())
    print(*[type(layer).__module__ for layer in layers[:2]], net.params['W1'] is layers[0].W)
print(adam.iter, 'badak' in sys.modules)
"""


def test_pickles_load_with_the_books_own_code(layout, tmp_path):
    root = layout({"make/s.py": MAKE, **{f"book/{name}": text for name, text in STAND_INS.items()}, "book/s.py": SHOW})
    assert book("s.py", cwd=root / "make").returncode == 0
    content = (root / "make" / "nets.pkl").read_bytes()
    assert b"badak" not in content
    (root / "book" / "nets.pkl").write_bytes(content)
    done = python("s.py", cwd=root / "book")
    assert done.stdout.splitlines() == [
        "TwoLayerNet <class 'dict'> lastLayer layers params",
        "common.layers common.layers True",
        "MultiLayerNetExtend <class 'dict'> hidden_layer_num hidden_size_list input_size last_layer layers output_size "
        "params use_batchnorm use_dropout weight_decay_lambda",
        "common.layers common.layers True",
        "SimpleConvNet <class 'dict'> last_layer layers params",
        "common.layers common.layers True",
        "1 False",
    ], done.stderr  # fmt: skip


def test_pickles_of_either_load_with_ours(layout):
    # Loaded with the book's classes and written again by them: then read by ours, and trained on.
    again = SHOW + "pickle.dump((nets, adam, *_), open('nets.pkl', 'wb'))"
    use = """
import pickle
import numpy as np
nets, adam, before, x, t = pickle.load(open('nets.pkl', 'rb'))
for net, y in zip(nets, before):
    assert (net.predict(x) == y).all()
    loss = net.loss(x, t)
    adam.m = None
    for _ in range(5):
        adam.update(net.params, net.gradient(x, t))
    print(net.loss(x, t) < loss, adam.iter)
    net.params['W1'] = np.zeros_like(net.params['W1'])
    print(list(net.layers.values())[0].W.any())
"""
    root = layout({"make/s.py": MAKE, "make/use.py": use, **{f"book/{n}": text for n, text in STAND_INS.items()},
                   "book/s.py": again})  # fmt: skip
    assert book("s.py", cwd=root / "make").returncode == 0
    for _ in range(2):
        done = book("use.py", cwd=root / "make")
        assert done.stdout.splitlines() == ["True 6", "False", "True 11", "False"], done.stderr
        (root / "book" / "nets.pkl").write_bytes((root / "make" / "nets.pkl").read_bytes())
        assert python("s.py", cwd=root / "book").returncode == 0
        (root / "make" / "nets.pkl").write_bytes((root / "book" / "nets.pkl").read_bytes())


def test_a_class_of_ours_beside_the_readers_file_of_its_name_can_be_pickled(layout):
    root = layout({"common/layers.py": "mine = 1", "s.py": "import pickle\nfrom common.layers import mine\n"
                   "from two_layer_net import TwoLayerNet\nnet = TwoLayerNet(4, 3, 2)\n"
                   "print(type(pickle.loads(pickle.dumps(net))) is TwoLayerNet)"})  # fmt: skip
    assert book("s.py", cwd=root).stdout == "True\n"


def test_classes_have_their_own_names_after_the_run(layout):
    root = layout({"s.py": "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.__module__)"})
    run(root / "s.py")
    from badak.book.ch05.two_layer_net import TwoLayerNet
    from badak.book.common.layers import Affine

    assert TwoLayerNet.__module__ == "badak.book.ch05.two_layer_net"
    assert Affine.__module__ == "badak.book.common.layers"


def test_a_copy_of_a_network_is_whole():
    import copy

    from badak.book.ch05.two_layer_net import TwoLayerNet

    network = TwoLayerNet(4, 3, 2)
    x = np.random.default_rng(0).normal(size=(5, 4))
    twin = copy.deepcopy(network)
    assert_array_equal(twin.predict(x), network.predict(x))
    assert twin.params["W1"] is twin.layers["Affine1"].W
    assert twin.params["W1"] is not network.params["W1"]
    assert type(twin.params) is type(network.params)
    twin.gradient(x, np.array([0, 1, 1, 0, 1]))
