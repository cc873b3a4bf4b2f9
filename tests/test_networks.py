"""Networks: one Block under all layers, adoption, and the book's habits."""

import copy
import gc
import pickle
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from badak import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    IdentityWithLoss,
    MultiLayerNet,
    Network,
    Pooling,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    TwoLayerNet,
    compare_gradient,
    fit,
    networks,
)
from badak.graph import describe, input_shape, load_network, load_params, nodes, rebuild, save_network, tensors_of
from badak.init import weight_std
from badak.models import ACTIVATIONS, DeepConvNet, SimpleConvNet
from badak.train import measure


@pytest.fixture
def network():
    return TwoLayerNet(6, 5, 3, weight_init_std=0.5, seed=1)


@pytest.fixture
def batch(rng):
    return rng.standard_normal((7, 6)), rng.integers(3, size=7)


def pair(rng, D=6, H=5, C=3):
    return [
        Affine(rng.standard_normal((D, H)), np.zeros(H)),
        Sigmoid(),
        Affine(rng.standard_normal((H, C)), np.zeros(C)),
    ]


def test_names_and_shapes_are_the_books(network):
    assert list(network.layers) == ["Affine1", "Relu1", "Affine2"]
    assert {k: v.shape for k, v in network.params.items()} == {"W1": (6, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}
    assert network.lastLayer is network.last_layer
    assert isinstance(network.last_layer, SoftmaxWithLoss)
    assert network.dtype == np.float64


def test_the_layers_and_params_are_one_memory(network):
    assert network.layers["Affine1"].W is network.params["W1"]
    network.params["W1"] -= 1
    assert_array_equal(network.block.values[:30].reshape(6, 5), network.layers["Affine1"].W)


def test_gradient_agrees_with_numerical_gradient(network, batch):
    x, t = batch
    for labels in (t, np.eye(3)[t]):
        numerical = network.numerical_gradient(x, labels)
        for key, grad in network.gradient(x, labels).items():
            assert_allclose(grad, numerical[key], atol=1e-8)


def test_two_gradients_kept_are_two_arrays(network, batch):
    x, t = batch
    first = network.gradient(x, t)
    kept = {k: v.copy() for k, v in first.items()}
    network.gradient(2 * x, t)
    for key in kept:
        assert_array_equal(first[key], kept[key])
    first["W1"][...] = 0
    assert network.layers["Affine1"].dW.any()


@pytest.mark.parametrize("update", ["in place", "new array"])
def test_both_ways_of_writing_an_update_learn(network, batch, update):
    x, t = batch
    before = network.loss(x, t)
    for _ in range(400):
        grads = network.gradient(x, t)
        for key in network.params:
            if update == "in place":
                network.params[key] -= 0.5 * grads[key]
            else:
                network.params[key] = network.params[key] - 0.5 * grads[key]
    assert network.loss(x, t) < 0.5 * before


def test_accuracy_counts(network, batch):
    x, _ = batch
    best = network.predict(x).argmax(axis=1)
    assert network.accuracy(x, best) == 1
    assert network.accuracy(x, np.eye(3)[best]) == 1
    assert network.accuracy(x, (best + 1) % 3) == 0
    best[:2] = (best[:2] + 1) % 3
    assert network.accuracy(x, best) == pytest.approx(5 / 7)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("count", [4501, networks.ROWS_AT_ONCE, networks.ROWS_AT_ONCE + 1, 257, 1])
def test_accuracy_of_more_rows_than_go_together(rng, engine, count):
    network = TwoLayerNet(6, 5, 3, weight_init_std=0.5, seed=1, engine=engine)
    x = rng.standard_normal((count, 6))
    best = network.predict(x).argmax(axis=1)
    assert network.accuracy(x, best) == 1
    best[-1] = (best[-1] + 1) % 3
    assert network.accuracy(x, best) == (count - 1) / count


def test_accuracy_of_more_images_than_go_together(rng):
    count = networks.IMAGES_AT_ONCE + 1
    network = SimpleConvNet((1, 6, 6), {"filter_num": 2, "filter_size": 3}, 4, 3, seed=0, engine="numpy")
    x = rng.standard_normal((count, 36))
    best = network.predict(x).argmax(axis=1)
    assert network.accuracy(x, best) == 1
    best[-1] = (best[-1] + 1) % 3
    assert network.accuracy(x, best) == (count - 1) / count


@pytest.mark.parametrize(
    ("x", "t", "error"),
    [
        (np.ones((3, 6)), [0, 1], ValueError),
        (np.ones(6), [0], ValueError),
        (np.ones((0, 6)), [], ValueError),
        (np.ones((2, 6)), np.array([0, 3]), ValueError),
        (np.ones((2, 6)), np.array([0.0, 1.0]), TypeError),
        (np.ones((2, 5)), np.array([0, 1]), ValueError),
    ],
)
def test_accuracy_refuses(network, x, t, error):
    with pytest.raises(error):
        network.accuracy(x, np.asarray(t))


def test_the_same_seed_gives_the_same_network():
    one, two, other = (TwoLayerNet(6, 5, 3, seed=seed) for seed in (4, 4, 5))
    assert_array_equal(one.block.values, two.block.values)
    assert (one.block.values != other.block.values).any()
    assert_allclose(TwoLayerNet(6, 5, 3, seed=4, dtype=np.float32).block.values, one.block.values, rtol=1e-6)


def test_input_is_converted_once_at_the_door(batch):
    x, t = batch
    network = TwoLayerNet(6, 5, 3, seed=0, dtype=np.float32)
    assert network.predict(x).dtype == np.float32
    assert network.gradient(x.astype(int), t)["W1"].dtype == np.float32
    assert TwoLayerNet(6, 5, 3).predict(x.astype(np.float32)).dtype == np.float64
    with pytest.raises(TypeError, match="x must hold real numbers"):
        network.predict(np.full((2, 6), "a"))


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_lists_are_read_and_lists_of_several_lengths_refused(batch, engine):
    x, t = batch
    network = TwoLayerNet(6, 5, 3, seed=0, engine=engine)
    assert_array_equal(network.predict(x.tolist()), network.predict(x))
    assert network.loss(x.tolist(), t.tolist()) == network.loss(x, t)
    assert network.accuracy(x.tolist(), t.tolist()) == network.accuracy(x, t)
    assert_array_equal(network.gradient(x.tolist(), t.tolist())["W1"], network.gradient(x, t)["W1"])
    for call in (network.predict, lambda x: network.loss(x, [0, 1]), lambda x: network.accuracy(x, [0, 1]),
                 lambda x: network.gradient(x, [0, 1])):  # fmt: skip
        with pytest.raises(ValueError, match="x is a list of rows with different numbers of elements, .* row 1 has 5"):
            call([[1.0] * 6, [1.0] * 5])
    with pytest.raises(ValueError, match="t is a list of rows with different numbers of elements"):
        network.accuracy(x, [[0, 1], [1]])
    with pytest.raises(TypeError, match="t is None: labels are class indices"):
        network.loss(x, None)


def test_predict_changes_nothing(network, batch):
    x, _ = batch
    x.setflags(write=False)
    before = network.block.values.copy()
    assert_array_equal(network.predict(x), network.predict(x))
    assert_array_equal(network.block.values, before)


def test_sizes_that_do_not_fit_name_both_layers(rng):
    layers = [Affine(np.ones((4, 5)), np.zeros(5)), Relu(), Affine(np.ones((6, 2)), np.zeros(2))]
    with pytest.raises(ValueError, match=r"Affine2 cannot follow Affine1, which gives \(5,\)"):
        Network(layers, SoftmaxWithLoss())


def test_what_a_network_refuses(rng):
    relu = Relu()
    for arguments, words in (
        ((SoftmaxWithLoss(), [relu]), "takes its layers first and then its loss, .* they came the other way"),
        ((SoftmaxWithLoss(), {"Relu1": relu}), "they came the other way"),
        (([relu],), "needs a loss after its layers, such as Network"),
        ((relu, SoftmaxWithLoss()), "layers must be a list of layers, or a mapping of names to layers, not Relu"),
        ((Relu, SoftmaxWithLoss()), "not the class Relu"),
        (("relu", SoftmaxWithLoss()), "not str"),
        ((None, SoftmaxWithLoss()), "not NoneType"),
        (([Relu(), SoftmaxWithLoss()], SoftmaxWithLoss()), "SoftmaxWithLoss1 takes two inputs, as a loss does"),
        (([Relu()], Sigmoid()), r"the loss \(Sigmoid\) takes one input: a loss has forward\(x, t\)"),
    ):
        with pytest.raises(TypeError, match=words):
            Network(*arguments)
    with pytest.raises(ValueError, match="at least one layer"):
        Network([], SoftmaxWithLoss())
    with pytest.raises(TypeError, match=r"Relu1|type1"):
        Network([Relu], SoftmaxWithLoss())
    with pytest.raises(TypeError, match="has no method forward"):
        Network([object()], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="Relu1 and Relu2 are the same object"):
        Network([relu, relu], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="engine must be one of auto, numpy, native"):
        Network([Relu()], SoftmaxWithLoss(), engine="gpu")
    with pytest.raises(TypeError, match="dtype must be float32 or float64, not 'foo'"):
        TwoLayerNet(6, 5, 3, dtype="foo")
    for kind, arguments in (
        (TwoLayerNet, (6, 5, 3)),
        (MultiLayerNet, (6, [5], 3)),
        (SimpleConvNet, ()),
        (DeepConvNet, ()),
    ):
        for seed, error in (("a", TypeError), (1.5, TypeError), (True, TypeError), (-1, ValueError)):
            with pytest.raises(error, match=f"seed must be .*, not {seed!r}"):
                kind(*arguments, seed=seed)
    with pytest.raises(TypeError, match="float32 or float64"):
        Network(pair(rng), SoftmaxWithLoss(), dtype=np.int32)


def test_a_second_adoption_is_refused_while_the_first_lives(rng):
    layers = pair(rng)
    first = Network(layers, SoftmaxWithLoss())
    with pytest.raises(ValueError, match="Affine1 belongs to another network already"):
        Network(layers, SoftmaxWithLoss())
    values = first.block.values.copy()
    del first
    gc.collect()
    assert_array_equal(Network(layers, SoftmaxWithLoss()).block.values, values)


def test_a_rebound_parameter_is_copied_in_or_refused(network, batch):
    x, _ = batch
    network.layers["Affine1"].W = np.zeros((6, 5))
    network.predict(x)
    assert not network.params["W1"].any()
    assert network.layers["Affine1"].W is network.params["W1"]
    network.layers["Affine1"].W = np.zeros((5, 6))
    with pytest.raises(ValueError, match=r"Affine1.W was replaced by something of shape \(5, 6\); W1"):
        network.predict(x)


def test_a_layer_may_be_replaced_by_one_that_fits(network, batch):
    x, t = batch
    network.layers["Relu1"] = Sigmoid()
    numerical = network.numerical_gradient(x, t)
    for key, grad in network.gradient(x, t).items():
        assert_allclose(grad, numerical[key], atol=1e-8)
    network.layers["Affine2"] = Affine(np.ones((5, 3)), np.ones(3))
    network.predict(x)
    assert (network.params["W2"] == 1).all()
    network.layers["Affine2"] = Affine(np.ones((5, 4)), np.ones(4))
    with pytest.raises(ValueError, match="Affine2 was replaced by a layer with parameters"):
        network.predict(x)


def test_layers_may_not_be_added_or_removed(network, batch):
    network.layers["Relu2"] = Relu()
    with pytest.raises(ValueError, match="fixed when it is built"):
        network.predict(batch[0])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_is_a_network_of_its_own(network, batch, again):
    x, t = batch
    network.gradient(x, t)
    other = again(network)
    assert_array_equal(other.predict(x), network.predict(x))
    other.params["W1"] -= 1
    assert other.layers["Affine1"].W is other.params["W1"]
    assert (other.predict(x) != network.predict(x)).any()
    assert other.gradient(x, t)["W1"].shape == (6, 5)


def test_a_shallow_copy_is_refused_with_the_way_to_a_deep_one(network):
    with pytest.raises(TypeError, match=r"needs layers of its own: copy\.deepcopy\(network\)"):
        copy.copy(network)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_what_only_gives_an_array_is_taken_by_every_call(network, batch, engine):
    class Table:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return self.values

    network.engine = engine
    x, t = batch
    assert network.accuracy(Table(x), Table(t)) == network.accuracy(x, t)
    assert network.loss(Table(x), Table(t)) == network.loss(x, t)
    assert_array_equal(network.predict(Table(x)), network.predict(x))
    assert_array_equal(network.gradient(Table(x), Table(t))["W1"], network.gradient(x, t)["W1"])


class Scale:
    """A layer as a reader writes it: no base class, a parameter `a` with its partner `da`."""

    def __init__(self, a):
        self.a, self.da = np.array(a, float), None

    def forward(self, x):
        self.x = x
        return self.a * x

    def backward(self, dout):
        self.da = np.sum(dout * self.x, axis=0)
        return self.a * dout


class Forgetful(Scale):
    def backward(self, dout):
        return self.a * dout


def test_a_layer_of_ones_own_takes_part(rng, batch):
    x, t = batch
    network = Network([*pair(rng), Scale([1.0, 2.0, 3.0])], SoftmaxWithLoss())
    assert list(network.params) == ["W1", "b1", "W2", "b2", "a1"]
    numerical = network.numerical_gradient(x, t)
    for key, grad in network.gradient(x, t).items():
        assert_allclose(grad, numerical[key], atol=1e-8)


def test_a_forgotten_gradient_is_named(rng, batch):
    network = Network([*pair(rng), Forgetful([1.0, 2.0, 3.0])], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="Forgetful1.backward must set da to an array of a's shape .*; it left None"):
        network.gradient(*batch)


class NoPartner:
    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class Lists(NoPartner):
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]


def test_a_parameter_that_would_not_be_trained_is_refused():
    with pytest.raises(ValueError, match=r"NoPartner1.W has no partner dW.*write self.dW = None in __init__"):
        Network([NoPartner(np.ones((6, 3)))], SoftmaxWithLoss())
    with pytest.raises(ValueError, match=r"Lists1 \(Lists\) keeps its parameters in `params`"):
        Network([Lists(np.ones((6, 3)))], SoftmaxWithLoss())
    W = np.ones((6, 6))
    with pytest.raises(ValueError, match=r"Affine1.W and Affine2.W are one array"):
        Network([Affine(W, np.zeros(6)), Affine(W, np.zeros(6))], SoftmaxWithLoss())


class Noise:
    def __init__(self):
        self.rng, self.training = None, False

    def forward(self, x):
        return x + self.rng.standard_normal(x.shape) if self.training else x

    def backward(self, dout):
        return dout


def test_training_flag_and_seeded_generator(rng, batch):
    x, t = batch
    layers = pair(rng)
    nets = [Network(copy.deepcopy([*layers, Noise()]), SoftmaxWithLoss(), seed=3) for _ in range(2)]
    one, two = (net.gradient(x, t) for net in nets)
    assert_array_equal(one["W1"], two["W1"])
    assert (nets[0].gradient(x, t)["W1"] != one["W1"]).any()
    assert_array_equal(nets[0].predict(x), nets[1].predict(x))


def test_regression(rng):
    x = rng.standard_normal((50, 4))
    t = x @ rng.standard_normal((4, 2))
    network = Network([Affine(np.zeros((4, 2)), np.zeros(2))], IdentityWithLoss())
    for _ in range(200):
        for key, grad in network.gradient(x, t).items():
            network.params[key] -= 0.3 * grad
    assert network.loss(x, t) < 1e-10


def test_multi_layer_net_and_its_first_weights(batch):
    network = MultiLayerNet(1000, [500, 20], 10, seed=0)
    assert list(network.layers) == ["Affine1", "Relu1", "Affine2", "Relu2", "Affine3"]
    assert network.params["W1"].std() == pytest.approx(np.sqrt(2 / 1000), rel=0.02)
    assert MultiLayerNet(1000, [500], 10, "sigmoid", seed=0).params["W1"].std() == pytest.approx(
        np.sqrt(1 / 1000), rel=0.02
    )
    assert MultiLayerNet(1000, [500], 10, weight_init_std=0.3, seed=0).params["W1"].std() == pytest.approx(
        0.3, rel=0.02
    )
    with pytest.raises(ValueError, match="activation must be one of relu, sigmoid, tanh, leakyrelu, gelu, not 'tan'"):
        MultiLayerNet(6, [5], 3, "tan")
    assert list(MultiLayerNet(6, 5, 3, "LeakyReLU").layers) == ["Affine1", "LeakyRelu1", "Affine2"]
    for sizes in ("5,5", 5.0, None):
        with pytest.raises(TypeError, match="hidden_size_list, if it is no list of sizes, must be a whole number"):
            MultiLayerNet(6, sizes, 3)


@pytest.mark.parametrize(
    ("sizes", "error", "words"),
    [
        ((0, 5, 3), ValueError, "input_size must be 1 or more, not 0"),
        ((6, -5, 3), ValueError, "hidden_size must be 1 or more"),
        ((6, 5.0, 3), TypeError, "hidden_size must be a whole number, not 5.0"),
        ((6, 5, True), TypeError, "output_size must be a whole number"),
        ((6, "5", 3), TypeError, "hidden_size"),
    ],
)
def test_sizes_are_positive_whole_numbers(sizes, error, words):
    with pytest.raises(error, match=words):
        TwoLayerNet(*sizes)


def test_repr_shows_the_layers(network):
    assert repr(network).splitlines() == [
        "TwoLayerNet, 53 parameters, float64:",
        "  Affine1: Affine.of(6, 5)   W1 (6, 5), b1 (5,)",
        "  Relu1: Relu()",
        "  Affine2: Affine.of(5, 3)   W2 (5, 3), b2 (3,)",
        "  loss: SoftmaxWithLoss()",
    ]
    assert "Scale1: Scale(…)   a1 (2,)" in repr(Network([Scale([1.0, 2.0])], SoftmaxWithLoss()))


# -- the graph and the make-up ------------------------------------------------------------------------------------


def test_nodes_have_shapes_and_parameters(network):
    row = nodes(network)
    assert [node.name for node in row] == ["Affine1", "Relu1", "Affine2", "loss"]
    assert [node.output_shape for node in row] == [(5,), (5,), (3,), ()]
    assert row[2].params == {"W": "W2", "b": "b2"}
    assert input_shape(network) == (6,)


def test_a_network_comes_back_from_its_file(network, batch, tmp_path):
    x, t = batch
    save_network(tmp_path / "net.safetensors", network)
    again = load_network(tmp_path / "net.safetensors")
    assert_array_equal(again.predict(x), network.predict(x))
    assert describe(again)["layers"] == describe(network)["layers"]
    assert again.gradient(x, t).keys() == network.gradient(x, t).keys()


def test_a_layer_of_ones_own_is_not_made_from_a_file(rng):
    network = Network([*pair(rng), Scale([1.0, 2.0, 3.0])], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="class 'Scale', which badak does not have"):
        rebuild(describe(network), dict(network.params))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["layers"][0].update({"class": "os"}), "class 'os'"),
        (lambda m: m["layers"][0].update({"class": "_private"}), "does not have"),
        (lambda m: m.pop("layers"), "lacks 'layers'"),
        (lambda m: m["layers"][0]["params"].update(W="W9"), "lacks 'W9'"),
        (lambda m: m["layers"][1].update(arguments={"slope": 1}), "does not fit badak's layers"),
        (lambda m: m["layers"].pop(), "no place for: W2, b2"),
    ],
)
def test_a_make_up_that_does_not_fit_is_refused(network, change, words):
    make_up = describe(network)
    change(make_up)
    with pytest.raises(ValueError, match=words):
        rebuild(make_up, dict(network.params))


def test_load_params_is_all_or_nothing(network):
    before = network.block.values.copy()
    with pytest.raises(ValueError, match=r"W1: network \(6, 5\), file \(2, 2\)"):
        load_params(network, {**network.params, "W1": np.ones((2, 2)), "b1": np.ones(5)})
    assert_array_equal(network.block.values, before)
    load_params(network, {k: v + 1 for k, v in network.params.items()})
    assert_array_equal(network.block.values, before + 1)


# -- state, images, yes or no ---------------------------------------------------------------------------------------


def normalized(rng, seed=0):
    one, two, three = pair(rng)
    layers = [one, BatchNormalization(np.ones(5), np.zeros(5)), two, Dropout(0.5), three]
    return Network(layers, SoftmaxWithLoss(), seed=seed)


def test_running_statistics_come_back_from_the_file(rng, batch, tmp_path):
    x, t = batch
    network = normalized(rng)
    for _ in range(3):
        network.gradient(x, t)
    save_network(tmp_path / "net.safetensors", network)
    again = load_network(tmp_path / "net.safetensors")
    assert again.layers["BatchNormalization1"].running_mean.any()
    assert_array_equal(again.predict(x), network.predict(x))
    assert list(network.params) == ["W1", "b1", "gamma1", "beta1", "W2", "b2"]
    assert set(tensors_of(network)) - set(network.params) == {
        "BatchNormalization1.running_mean",
        "BatchNormalization1.running_var",
    }
    other = normalized(np.random.default_rng(1))
    load_params(other, tensors_of(network))
    assert_array_equal(other.predict(x), network.predict(x))
    network.gradient(100 * x, t)
    assert_array_equal(other.predict(x), again.predict(x), "what was loaded is a copy")


def test_what_is_loaded_is_a_copy(rng, batch):
    x, t = batch
    network, other = normalized(rng), normalized(np.random.default_rng(1))
    network.gradient(x, t)
    tensors = dict(tensors_of(network))
    load_params(other, tensors)
    expected = other.predict(x)
    for array in tensors.values():  # in place: a layer itself binds a new array at each step
        array[...] = 1
    assert_array_equal(other.predict(x), expected)
    for key, value in tensors_of(other).items():
        assert not np.shares_memory(value, tensors[key]), key


def test_all_that_a_network_keeps_is_of_its_dtype(batch, tmp_path):
    x, t = batch
    network = MultiLayerNet(6, [5], 3, use_batchnorm=True, dtype=np.float32, seed=0)
    for step in range(2):
        assert {str(value.dtype) for value in tensors_of(network).values()} == {"float32"}, f"after {step} steps"
        network.gradient(x, t)
    network.engine = "numpy"
    network.gradient(x, t)
    save_network(tmp_path / "net.safetensors", network)
    again = load_network(tmp_path / "net.safetensors")
    assert {str(value.dtype) for value in tensors_of(again).values()} == {"float32"}
    wide = {key: value.astype(np.float64) for key, value in tensors_of(network).items()}
    load_params(again, wide)
    assert {str(value.dtype) for value in tensors_of(again).values()} == {"float32"}
    layer = BatchNormalization(np.ones(5, np.float32), np.zeros(5, np.float32))
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float32


def test_weights_without_running_statistics_are_refused(rng):
    with pytest.raises(ValueError, match=r"BatchNormalization1.running_mean: network \(5,\), file none"):
        load_params(normalized(rng), dict(normalized(rng).params))


def test_predicting_does_not_move_the_running_statistics(rng, batch):
    x, t = batch
    network = normalized(rng)
    before = {key: value.copy() for key, value in tensors_of(network).items()}
    network.predict(x)
    network.loss(x, t)
    measure.health(network, x, t)
    for key, value in tensors_of(network).items():
        assert_array_equal(value, before[key])


def test_rows_are_read_as_images_where_the_shape_was_told(rng):
    layers = [
        Convolution(rng.standard_normal((3, 1, 2, 2)), np.zeros(3)),
        Relu(),
        Affine(np.ones((75, 2)), np.zeros(2)),
    ]
    network = Network(layers, SoftmaxWithLoss(), input_shape=(1, 6, 6))
    x = rng.standard_normal((4, 36))
    assert_array_equal(network.predict(x), network.predict(x.reshape(4, 1, 6, 6)))
    assert input_shape(network) == (1, 6, 6)
    assert [node.output_shape for node in nodes(network)] == [(3, 5, 5), (3, 5, 5), (2,), ()]
    with pytest.raises(ValueError, match="Convolution"):
        network.predict(x[:, :35])
    with pytest.raises(ValueError, match=r"Affine1 cannot follow Convolution1, which gives \(3, 4, 5\)"):
        Network(copy.deepcopy(layers), SoftmaxWithLoss(), input_shape=(1, 5, 6))
    with pytest.raises(ValueError, match="Convolution1 cannot follow the input"):
        Network(copy.deepcopy(layers), SoftmaxWithLoss(), input_shape=(36,))


def test_an_image_network_comes_back_from_its_file(rng, tmp_path):
    layers = [Convolution(rng.standard_normal((3, 1, 2, 2)), np.zeros(3), stride=2, pad=1), Pooling(2, 2), Flatten()]
    network = Network(layers, SoftmaxWithLoss(), input_shape=(1, 6, 6))
    save_network(tmp_path / "net", network)
    x = rng.standard_normal((2, 36))
    assert_array_equal(load_network(tmp_path / "net").predict(x), network.predict(x))


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_images_in_other_shapes_are_what_was_meant_or_the_mend_is_named(rng, engine):
    small = {"filter_num": 2, "filter_size": 3}
    network = SimpleConvNet((1, 6, 8), small, 4, 3, seed=0, engine=engine)
    x, t = rng.standard_normal((5, 1, 6, 8)), rng.integers(3, size=5)
    for given in (x.reshape(5, 48), x[:, 0], x.transpose(0, 2, 3, 1)):
        assert_array_equal(network.predict(given), network.predict(x))
        assert_array_equal(network.gradient(given, t)["W1"], network.gradient(x, t)["W1"])
        assert network.accuracy(given, t) == network.accuracy(x, t)
    coloured = SimpleConvNet((3, 6, 8), small, 4, 3, seed=0, engine=engine)
    for call in (coloured.predict, lambda x: coloured.gradient(x, t), lambda x: coloured.accuracy(x, t)):
        with pytest.raises(ValueError, match=r"channels last.*give x.transpose\(0, 3, 1, 2\)"):
            call(np.ones((5, 6, 8, 3)))
    with pytest.raises(ValueError, match=r"takes 3 channels, not 6, .* give x.transpose\(0, 3, 1, 2\)"):
        Convolution.of(3, 2, 3).forward(np.ones((5, 6, 8, 3)))


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_yes_or_no_trains_and_counts(rng, shape):
    x = rng.standard_normal((40, 3))
    t = (x @ [1.0, -2.0, 0.5] > 0).astype(int).reshape(shape)
    network = Network([Affine(np.zeros((3, 1)), np.zeros(1))], SigmoidWithLoss())
    assert fit(network, x, t, epochs=100, batch_size=10, lr=1.0, engine="numpy").train_accuracy == 1
    assert network.accuracy(x, t) == 1
    assert network.accuracy(x, 1 - t) == 0
    with pytest.raises(ValueError, match="are 1 or 0"):
        fit(network, x, 2 * t, engine="numpy")


# -- the networks of chapters 6 to 8 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_multi_layer_net_with_everything(rng, activation):
    network = MultiLayerNet(6, [5, 4], 3, activation, use_batchnorm=True, use_dropout=True, dropout_ratio=0.2, seed=0)
    kind = ACTIVATIONS[activation].__name__
    assert list(network.layers) == [
        "Affine1", "BatchNormalization1", f"{kind}1", "Dropout1",
        "Affine2", "BatchNormalization2", f"{kind}2", "Dropout2", "Affine3"]  # fmt: skip
    assert list(network.params)[:5] == ["W1", "b1", "gamma1", "beta1", "W2"]
    assert network.layers["Dropout1"].dropout_ratio == 0.2
    x, t = rng.standard_normal((40, 6)), rng.integers(3, size=40)
    first = fit(network, x, t, epochs=30, batch_size=10, engine="numpy").losses
    assert np.mean(first[-10:]) < np.mean(first[:10])


@pytest.mark.parametrize(
    ("how", "activation", "expected"),
    [(0.3, "relu", 0.3), (0, "relu", 0), ("he", "tanh", np.sqrt(2 / 50)), ("Xavier", "relu", np.sqrt(1 / 50)),
     ("relu", "tanh", np.sqrt(2 / 50)), ("sigmoid", "relu", np.sqrt(1 / 50)), (None, "relu", np.sqrt(2 / 50)),
     (None, "tanh", np.sqrt(1 / 50)), (None, "gelu", np.sqrt(2 / 50))],
)  # fmt: skip
def test_first_weights(how, activation, expected):
    assert weight_std(how, 50, activation) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("how", "error"),
    [("ones", ValueError), (-1, ValueError), (np.nan, ValueError), (True, TypeError), ([1], TypeError)],
)
def test_first_weights_that_are_refused(how, error):
    with pytest.raises(error, match="weight_init_std must be"):
        weight_std(how, 50)


def test_simple_conv_net_is_the_books():
    network = SimpleConvNet(seed=0)
    assert list(network.layers) == ["Conv1", "Relu1", "Pool1", "Affine1", "Relu2", "Affine2"]
    assert {k: v.shape for k, v in network.params.items()} == {
        "W1": (30, 1, 5, 5), "b1": (30,), "W2": (4320, 100), "b2": (100,), "W3": (100, 10), "b3": (10,)}  # fmt: skip
    assert network.params["W1"].std() == pytest.approx(np.sqrt(2 / 25), rel=0.1)
    assert network.params["W2"].std() == pytest.approx(np.sqrt(2 / 4320), rel=0.01)
    assert SimpleConvNet(weight_init_std=0.01, seed=0).params["W2"].std() == pytest.approx(0.01, rel=0.01)


def test_deep_conv_net_is_the_books():
    network = DeepConvNet(seed=0)
    assert list(network.layers) == [
        "Conv1", "Relu1", "Conv2", "Relu2", "Pool1", "Conv3", "Relu3", "Conv4", "Relu4", "Pool2",
        "Conv5", "Relu5", "Conv6", "Relu6", "Pool3", "Affine1", "Relu7", "Dropout1", "Affine2", "Dropout2"]  # fmt: skip
    assert [network.params[f"W{i}"].shape for i in range(1, 9)] == [
        (16, 1, 3, 3), (16, 16, 3, 3), (32, 16, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3),
        (1024, 50), (50, 10)]  # fmt: skip
    assert nodes(network)[14].output_shape == (64, 4, 4)
    assert network.predict(np.zeros((2, 784))).shape == (2, 10)


@pytest.mark.parametrize("kind", [SimpleConvNet, DeepConvNet])
def test_gradients_of_the_convolutional_networks(kind, rng):
    small = {"filter_num": 2, "filter_size": 3, "pad": 1}
    params = {"conv_param": small} if kind is SimpleConvNet else {f"conv_param_{i}": small for i in range(1, 7)}
    network = kind((2, 9, 8), hidden_size=4, output_size=3, seed=0, **params)
    x, t = rng.standard_normal((3, 2, 9, 8)), np.array([0, 2, 1])

    def loss(_):
        for layer in network.layers.values():
            if isinstance(layer, Dropout):
                layer.rng = np.random.default_rng(1)
        return network.backpropagate(x, t)

    loss(None)
    gradient = network.block.named(network.block.grads.copy())
    for key, value in network.params.items():
        assert compare_gradient(loss, value, gradient[key]).agrees(1e-5)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: SimpleConvNet((28, 28)), ValueError, r"input_dim must be \(C, H, W\), not \(28, 28\)"),
        (lambda: SimpleConvNet((1, 4, 4)), ValueError, "at least as large"),
        (lambda: SimpleConvNet(conv_param={"filters": 3}), ValueError, "conv_param has filter_num"),
        (lambda: SimpleConvNet(hidden_size=0), ValueError, "hidden_size must be 1 or more"),
        (lambda: DeepConvNet(output_size=1.5), TypeError, "output_size must be a whole number"),
        (lambda: DeepConvNet(dropout_ratio=1), ValueError, "dropout_ratio must be"),
    ],
)
def test_what_convolutional_networks_refuse(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("make", [SimpleConvNet, DeepConvNet])
def test_the_same_seed_trains_to_the_same_bytes(make, rng, tmp_path):
    x, t = rng.random((40, 196)).astype(np.float32), rng.integers(10, size=40)
    for name in ("one", "two"):
        network = make((1, 14, 14), hidden_size=8, dtype=np.float32, seed=3)
        fit(network, x, t, epochs=2, batch_size=10, optimizer="adam", engine="numpy", out=tmp_path / name)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    again = load_network(tmp_path / "one")
    assert_array_equal(again.predict(x), network.predict(x))


class LatePartner:
    def __init__(self):
        self.kernel = np.ones(6)

    def forward(self, x):
        self.seen = x
        return x * self.kernel

    def backward(self, dout):
        self.dkernel = np.sum(dout * self.seen, axis=0)
        return dout * self.kernel


def test_a_partner_that_comes_only_in_backward_is_refused(batch):
    network = Network([LatePartner(), Affine(np.ones((6, 3)), np.zeros(3))], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="LatePartner1.kernel got its partner dkernel only in backward"):
        network.gradient(*batch)


class SlowToCome:
    """Stands for the engine's calls, and takes its time to be made."""

    def __init__(self, network):
        time.sleep(0.05)

    def ready(self):
        return True


def test_threads_that_come_first_at_once_share_one_engine(monkeypatch):
    monkeypatch.setattr(networks, "_calls", f"{__name__}:SlowToCome")
    network, found = TwoLayerNet(4, 3, 2, seed=0), []
    threads = [threading.Thread(target=lambda: found.append(network._native())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(map(id, found))) == 1
