"""The Block: one flat array under all parameters, and the mapping that writes into it."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badak.memory import Block, Params


@pytest.fixture
def block():
    return Block({"W1": np.arange(6.0).reshape(2, 3), "b1": np.zeros(3), "s": np.array(5.0)})


def test_arrays_lie_end_to_end_in_order(block):
    assert block.names == ("W1", "b1", "s")
    assert_array_equal(block.values, [0, 1, 2, 3, 4, 5, 0, 0, 0, 5])
    assert block.offsets == {"W1": 0, "b1": 6, "s": 9}
    block.values += 1
    assert block.view("W1")[1, 2] == 6
    assert block.view("s") == 6
    block.grad_view("b1")[...] = 2
    assert_array_equal(block.grads[6:9], 2)
    assert_array_equal(block.named(block.grads)["b1"], [2, 2, 2])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda block: pickle.loads(pickle.dumps(block))])
def test_a_copy_has_views_of_its_own(block, again):
    other = again(block)
    other.view("W1")[0, 0] = 9
    assert other.values[0] == 9
    assert block.values[0] == 0


def test_both_ways_of_updating_train(block):
    params = Params(block)
    params["W1"] -= 1
    params["b1"] = params["b1"] + 2
    assert_array_equal(block.values, [-1, 0, 1, 2, 3, 4, 2, 2, 2, 5])
    assert dict(params)["W1"] is block.view("W1")
    assert list(params) == ["W1", "b1", "s"]
    assert len(params) == 3


def test_what_params_refuses(block):
    params = Params(block)
    with pytest.raises(ValueError, match=r"W1 has shape \(2, 3\); the new value has \(3,\)"):
        params["W1"] = np.zeros(3)
    with pytest.raises(KeyError, match="no parameter 'W3'; there are W1, b1, s"):
        params["W3"] = 0
    with pytest.raises(TypeError, match="cannot be deleted"):
        del params["W1"]
    with pytest.raises(TypeError, match="W1 must hold real numbers"):
        params["W1"] = np.full((2, 3), "a")
    assert_array_equal(block.values[:6], range(6))


@pytest.mark.parametrize("dtype", [np.int64, np.float16, complex])
def test_only_two_dtypes(dtype):
    with pytest.raises(TypeError, match="float32 or float64"):
        Block({"W": np.ones(2)}, dtype)


def test_an_empty_block():
    assert Block({}).values.size == 0
