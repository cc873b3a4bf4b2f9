"""Every example of the five posts that badak started from, with the figures they print.

One test a post, in the order in which they lie. Their typing mistakes are corrected (`forword`, `layersw`, a
missing `w1`); what they compute is not.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from badak import (
    Affine,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    TwoLayerNet,
    compare_gradient,
    cross_entropy_error,
    load_mnist,
    softmax,
)


def test_post_1_forward_and_backward_through_two_layers():
    """파이썬 클래스로 신경망 구현하기: a chain of Affine and Relu, by hand."""
    x = np.array([[1, 2]])
    w1 = np.array([[1, 3, 5], [2, 4, 6]])
    w2 = np.array([[1, 4], [2, 5], [3, 6]])
    b1 = np.array([1, 2, 3])
    b2 = np.array([1, 2])
    affine1, affine2 = Affine(w1, b1), Affine(w2, b2)
    relu1, relu2 = Relu(), Relu()

    y1 = affine1.forward(x)
    out1 = relu1.forward(y1)
    y2 = affine2.forward(out1)
    out2 = relu2.forward(y2)
    assert_array_equal(out2, [[93, 211]])

    dy = relu2.backward(out2)
    dx1 = affine2.backward(dy)
    dx1 = relu1.backward(dx1)
    dx = affine1.backward(dx1)
    assert_array_equal(dx, [[12385, 16108]])
    assert_array_equal(affine1.dW, [[937, 1241, 1545], [1874, 2482, 3090]])
    assert_array_equal(affine1.db, [937, 1241, 1545])
    # The post hands the same array down as dout; ours is as it was.
    assert_array_equal(out2, [[93, 211]])


def test_post_2_activation_layers():
    """Ch5 활성화함수 계층: Relu, Sigmoid, Affine and Softmax-with-loss, with y - t as the clean result."""
    relu = Relu()
    x = np.array([[1.0, -0.5], [-2.0, 3.0]])
    out = relu.forward(x)
    assert_array_equal(out, [[1, 0], [0, 3]])
    assert_array_equal(relu.backward(np.ones((2, 2))), [[1, 0], [0, 1]])
    out[0, 0] = 7
    assert x[0, 0] == 1, "the post: out and x are wholly independent"

    sigmoid = Sigmoid()
    y = sigmoid.forward(x)
    assert_allclose(sigmoid.backward(np.ones((2, 2))), y * (1 - y))

    affine = Affine(np.ones((2, 3)), np.zeros(3))
    affine.forward(x)
    affine.backward(np.arange(6.0).reshape(2, 3))
    assert_array_equal(affine.db, [3, 5, 7])

    scores = np.array([[0.3, 2.9, 4.0], [1.0, 1.0, 1.0]])
    t = np.array([[0, 0, 1], [0, 1, 0]])
    last = SoftmaxWithLoss()
    loss = last.forward(scores, t)
    assert_allclose(loss, cross_entropy_error(softmax(scores), t))
    assert_allclose(last.backward(), (softmax(scores) - t) / 2)


def test_post_3_two_layer_net_gradient_check_and_training(capsys):
    """Relu to MNIST: mask, shapes of a batch, TwoLayerNet, its gradient check and its training loop."""
    x = np.array([[1.0, -0.5], [-2.0, 3.0]])
    relu = Relu()
    relu.forward(x)
    assert_array_equal(relu.mask, [[False, True], [True, False]])

    X, W, B = np.random.rand(2), np.random.rand(2, 3), np.random.rand(3)
    assert X.shape == (2,)
    assert_allclose(Affine(W, B).forward(X), np.dot(X, W) + B)
    X_dot_W = np.array([[0, 0, 0], [10, 10, 10]])
    B = np.array([1, 2, 3])
    assert_array_equal(X_dot_W + B, [[1, 2, 3], [11, 12, 13]])
    affine = Affine(np.eye(3), B)
    assert_array_equal(affine.forward(X_dot_W), X_dot_W + B)
    affine.backward(np.array([[1, 2, 3], [4, 5, 6]]))
    assert_array_equal(affine.db, [5, 7, 9])

    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10, seed=0)
    x_batch, t_batch = x_train[:3], t_train[:3]
    grad_backprop = network.gradient(x_batch, t_batch)
    the_posts = {"W1": 4.3558019149151917e-10, "b1": 2.732961564234568e-09, "W2": 5.115128229397296e-09,
                 "b2": 1.3945341181265115e-07}  # fmt: skip
    for key in grad_backprop:
        compared = compare_gradient(lambda _: network.loss(x_batch, t_batch), network.params[key], grad_backprop[key])
        print(key + ":" + str(compared.mean_difference))
        assert compared.mean_difference < min(the_posts[key], 1e-9)
        assert compared.agrees()
    assert capsys.readouterr().out.count(":") == 4

    batch_size, learning_rate = 100, 0.1
    train_size = x_train.shape[0]
    iter_per_epoch = max(train_size // batch_size, 1)
    rng = np.random.default_rng(0)
    train_loss_list, test_acc_list = [], []
    for i in range(iter_per_epoch + 1):
        batch_mask = rng.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]
        grad = network.gradient(x_batch, t_batch)
        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= learning_rate * grad[key]
        train_loss_list.append(network.loss(x_batch, t_batch))
        if i % iter_per_epoch == 0:
            test_acc_list.append(network.accuracy(x_test, t_test))
    # The post's second row: 0.9048.
    assert test_acc_list[0] < 0.5
    assert test_acc_list[1] == pytest.approx(0.9048, abs=0.02)
    assert train_loss_list[0] == pytest.approx(np.log(10), abs=0.05)
    assert np.mean(train_loss_list[-50:]) < 0.5


def test_post_4_relu_from_copy_and_mask():
    """렐루함수 (p.165): list.copy, boolean masks, and Relu with a whole-number dout."""
    a = [1, 2, 3]
    b = a.copy()
    a[1] = 6
    assert (a, b) == ([1, 6, 3], [1, 2, 3])

    x = np.array([[1, -0.5], [-2, 3]])
    mask = x <= 0
    assert_array_equal(mask, [[False, True], [True, False]])
    out = x.copy()
    out[mask] = 0
    assert_array_equal(out, [[1, 0], [0, 3]])

    relu = Relu()
    assert_array_equal(relu.forward(x), out)
    dout = np.array([[35, 73], [92, 83]])
    assert_array_equal(relu.backward(dout), [[35, 0], [0, 83]])
    assert_array_equal(dout, [[35, 73], [92, 83]])


def test_post_5_relu_with_a_zero_and_sigmoid():
    """5.5.1 ReLU, 5.5.2 Sigmoid: the printed values, and x as it was afterwards."""
    x = np.array([[1.0, -0.5], [2.0, 0]])
    relu = Relu()
    assert_array_equal(relu.forward(x), [[1, 0], [2, 0]])
    assert_array_equal(x, [[1, -0.5], [2, 0]])
    assert_array_equal(relu.backward(x), [[1, 0], [2, 0]])

    sigmoid = Sigmoid()
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_allclose(sigmoid.forward(x), [[0.73105858, 0.88079708], [0.95257413, 0.98201379]], atol=5e-9)
    assert_allclose(sigmoid.backward(x), [[0.19661193, 0.20998717], [0.13552998, 0.07065082]], atol=5e-9)
    assert 1 / (1 + np.exp(-1.0)) == pytest.approx(0.7310585786300049, abs=1e-16)
