"""Networks for images on the engine: the same numbers as the layers, the same bytes on any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badak import (
    SGD,
    AveragePooling,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    Gelu,
    IdentityWithLoss,
    LeakyRelu,
    Network,
    Pooling,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SimpleConvNet,
    SoftmaxWithLoss,
    Tanh,
    fit,
    networks,
)
from badak.data.pixels import Pixels
from badak.engine import crew, images, lower, tapes, target
from badak.engine.listing import listing
from badak.engine.opcodes import Bank, Frame
from badak.engine.runner import NativeRunner
from badak.engine.verify import BadTape, verify
from badak.graph import nodes
from badak.train.runners import NumPyRunner
from engine_numbers import affine, closeness

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
close = closeness(TOLERANCE)


@pytest.fixture(autouse=True, params=[True, False], ids=["poisoned", "as it is"])
def poisoned(request, monkeypatch):
    """Fill scratch memory with NaN before each run: what is read before it is written shows."""
    monkeypatch.setattr(tapes, "POISON", request.param)
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(lower, "WORK_PER_CALL", 1)


def conv(r, F, C, FH, FW=None, stride=1, pad=0):
    W = r.standard_normal((F, C, FH, FW or FH))
    return Convolution(W / np.sqrt(W[0].size), 0.1 * r.standard_normal(F), stride, pad)


def normal(r, D):
    return BatchNormalization(1 + 0.1 * r.standard_normal(D), 0.1 * r.standard_normal(D))


ZOO = {
    "the book's simple one": ((1, 12, 12), lambda r: [conv(r, 5, 1, 3), Relu(), Pooling(2, 2), affine(r, 125, 7)]),
    "the book's deep one": (
        (1, 14, 14),
        lambda r: [
            *(conv(r, 16, 1, 3, pad=1), Relu(), conv(r, 16, 16, 3, pad=1), Relu(), Pooling(2, 2)),
            *(conv(r, 32, 16, 3, pad=1), Relu(), conv(r, 32, 32, 3, pad=2), Relu(), Pooling(2, 2)),
            *(affine(r, 512, 9), Relu(), affine(r, 9, 10)),
        ],
    ),
    "odd sizes": (
        (1, 11, 7),
        lambda r: [conv(r, 5, 1, 3, pad=1), Sigmoid(), conv(r, 17, 5, 2, 3, pad=1), Sigmoid(), affine(r, 17 * 84, 4)],
    ),
    "steps of two": (
        (3, 11, 9),
        lambda r: [
            conv(r, 5, 3, 3, stride=2, pad=1),
            Sigmoid(),
            conv(r, 7, 5, 2, stride=2),
            Flatten(),
            affine(r, 42, 4),
        ],
    ),
    "the mean, and no Affine": (
        (2, 9, 9),
        lambda r: [AveragePooling(3, 3, 2, 1), conv(r, 4, 2, 3, pad=2), Relu(), Pooling(3, 2, 1, 1), Flatten()],
    ),
    "overlapping windows": (
        (2, 8, 8),
        lambda r: [conv(r, 3, 2, 3), Pooling(3, 3, 1, 1), Sigmoid(), AveragePooling(2, 3, 1), affine(r, 60, 4)],
    ),
    "wide padding": (
        (1, 5, 5),
        lambda r: [
            conv(r, 2, 1, 2, pad=3),
            Sigmoid(),
            conv(r, 3, 2, 1, pad=1),
            Relu(),
            conv(r, 3, 3, 3),
            affine(r, 300, 5),
        ],
    ),
    "activations in front and behind": (
        (2, 6, 6),
        lambda r: [Relu(), Sigmoid(), conv(r, 3, 2, 3, pad=1), Relu(), Sigmoid(), Flatten(), Relu(), affine(r, 108, 4)],
    ),
    "pooling alone": ((3, 6, 6), lambda r: [Pooling(2, 2), Flatten(), affine(r, 27, 5)]),
    "one by one": ((4, 3, 3), lambda r: [conv(r, 18, 4, 1), Relu(), conv(r, 50, 18, 1), Relu(), affine(r, 450, 5)]),
    "normalized": (
        (2, 8, 8),
        lambda r: [
            *(normal(r, 2), conv(r, 5, 2, 3, pad=1), normal(r, 5), Relu(), conv(r, 17, 5, 3, pad=1), normal(r, 17)),
            *(Gelu(), Pooling(2, 2), normal(r, 17), Tanh(), Flatten(), normal(r, 272), affine(r, 272, 5)),
        ],
    ),
    "dropped": (
        (2, 8, 8),
        lambda r: [
            *(Dropout(0.2), conv(r, 5, 2, 3, pad=1), Dropout(0.3), LeakyRelu(), conv(r, 3, 5, 3, pad=1), Tanh()),
            *(AveragePooling(2, 2), Dropout(0.5), Flatten(), Dropout(0.1), affine(r, 48, 5)),
        ],
    ),
    "dropped behind activations": (
        (2, 8, 8),
        lambda r: [
            *(Sigmoid(), Dropout(0.2), conv(r, 5, 2, 3, pad=1), Sigmoid(), Dropout(0.3), conv(r, 4, 5, 3, pad=2)),
            *(Tanh(), Dropout(0.2), Gelu(), conv(r, 3, 4, 3), AveragePooling(2, 2), Sigmoid(), Dropout(0.1)),
            *(conv(r, 3, 3, 3, pad=1), affine(r, 48, 5)),
        ],
    ),
    "Flatten where nothing is an image": ((2, 3, 3), lambda r: [Flatten(), affine(r, 18, 5)]),
}


LATER = ("normalized", "dropped", "dropped behind activations")


def make(name, dtype=np.float64, loss=SoftmaxWithLoss, **options):
    shape, layers = ZOO[name]
    return Network(layers(np.random.default_rng(0)), loss(), dtype=dtype, input_shape=shape, seed=3, **options)


def data(name, count):
    rng = np.random.default_rng(1)
    return rng.standard_normal((count, *ZOO[name][0])), rng.integers(4, size=count)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [SoftmaxWithLoss, IdentityWithLoss])
@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("batch", [1, 7, 20])
def test_a_step_and_a_call_are_those_of_the_layers(name, loss, dtype, batch):
    ours, theirs = make(name, dtype, loss), make(name, dtype, loss, engine="numpy")
    x, t = data(name, 30)
    order = np.random.default_rng(2).integers(30, size=(3, batch))
    lr = 0.1 if loss is SoftmaxWithLoss else 0.001
    native = NativeRunner(ours, SGD(lr), x, t, 2)
    close(native.steps(order), NumPyRunner(theirs, SGD(lr), x, t).steps(order), dtype)
    close(ours.block.values, theirs.block.values, dtype)
    close(ours.predict(x[:batch]), theirs.predict(x[:batch]), dtype, 3)
    assert abs(ours.loss(x[:batch], t[:batch]) - theirs.loss(x[:batch], t[:batch])) < 30 * TOLERANCE[dtype]
    assert ours.accuracy(x, t) == theirs.accuracy(x, t)
    got, want = ours.gradient(x[:batch], t[:batch]), theirs.gradient(x[:batch], t[:batch])
    most = max(np.abs(grad).max() for grad in want.values())  # that of a bias before a normalization is 0
    for key in want:
        np.testing.assert_allclose(got[key], want[key], rtol=0, atol=3 * TOLERANCE[dtype] * max(most, 0.1), err_msg=key)
    assert networks._calls_of[ours].ready()


@pytest.mark.parametrize("name", ["the book's deep one", "steps of two", "overlapping windows", *LATER])
@pytest.mark.parametrize("batch", [1, 7, 20])
def test_any_number_of_threads_gives_the_same_bytes(name, batch):
    x, t = data(name, 30)
    order = np.random.default_rng(2).integers(30, size=(4, batch))
    results = set()
    for threads in (1, 2, 3, 4, 7):
        for cut in (1, 4):
            network = make(name, np.float32)
            native = NativeRunner(network, SGD(0.1), x, t, threads)
            losses = [native.steps(order[i : i + cut]).tobytes() for i in range(0, 4, cut)]
            assert next(iter(native._ready.values())).program.threads == threads
            results.add(network.block.values.tobytes() + b"".join(losses))
    assert len(results) == 1


@pytest.mark.parametrize("cache", [1, 100_000])
def test_the_size_of_a_piece_changes_nothing(cache, monkeypatch):
    x, t = data("the book's deep one", 30)
    results = set()
    for size in (images.CACHE, cache):
        monkeypatch.setattr(images, "CACHE", size)
        network = make("the book's deep one", np.float32)
        native = NativeRunner(network, SGD(0.1), x, t, 2)
        native.steps(np.arange(30).reshape(1, 30))
        results.add((network.block.values.tobytes(), next(iter(native._ready.values())).program.piece))
    assert len({values for values, _ in results}) == 1
    assert len(results) == 2, "the pieces were of one size"


@pytest.mark.parametrize("width", ["avx512", "avx2", "plain"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["the book's deep one", "odd sizes", "steps of two"])
def test_every_vector_width_gives_the_same_numbers(name, dtype, width, monkeypatch):
    if width not in target.available():
        pytest.skip(f"this processor has no {width}")
    monkeypatch.setenv("BADAK_TARGET", width)
    ours, theirs = make(name, dtype), make(name, dtype, engine="numpy")
    x, t = data(name, 30)
    order = np.random.default_rng(2).integers(30, size=(2, 13))
    close(NativeRunner(ours, SGD(0.1), x, t, 2).steps(order), NumPyRunner(theirs, SGD(0.1), x, t).steps(order), dtype)
    close(ours.block.values, theirs.block.values, dtype)


def test_rows_of_bytes_are_read_as_images():
    rng = np.random.default_rng(0)
    pixels = Pixels(rng.integers(256, size=(40, 784)).astype(np.uint8))
    t = rng.integers(10, size=40)
    nets = {e: SimpleConvNet(conv_param={"filter_num": 3, "filter_size": 5}, dtype=np.float32, seed=0, engine=e)
            for e in ("native", "numpy")}  # fmt: skip
    for engine, net in nets.items():
        assert fit(net, pixels, t, epochs=2, batch_size=8, engine=engine).engine == engine
    close(nets["native"].block.values, nets["numpy"].block.values, np.float32, 10)
    rows = pixels[:5]
    close(nets["native"].predict(rows), nets["numpy"].predict(rows), np.float32, 10)
    assert nets["native"].predict(rows).tobytes() == nets["native"].predict(rows.reshape(5, 1, 28, 28)).tobytes()
    assert "scores" in {key[0] for key in networks._calls_of[nets["native"]]._programs}


@pytest.mark.parametrize("average", [False, True])
def test_of_equal_values_and_nan_pooling_takes_the_first(average):
    pooling = AveragePooling if average else Pooling
    x = np.round(np.random.default_rng(0).standard_normal((5, 2, 6, 6)))
    if not average:
        x[0, 0, 2, 3] = x[1, 1, 4, 4] = x[1, 1, 4, 5] = np.nan
    nets = [Network([pooling(3, 2, 2, 1), Flatten()], IdentityWithLoss(), engine=e, input_shape=(2, 6, 6))
            for e in ("native", "numpy")]  # fmt: skip
    ours, theirs = (net.predict(x) for net in nets)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, atol=1e-15)


def test_after_a_native_call_no_layer_holds_an_earlier_batch():
    network = make("the book's simple one")
    x, t = data("the book's simple one", 5)
    network._forward(network._door(x), training=True)
    network.gradient(x, t)
    for layer in network.layers.values():
        with pytest.raises(RuntimeError, match="before forward"):
            layer.backward(np.zeros(3))
    assert network.layers["Convolution1"].dW.shape == (5, 1, 3, 3)


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.tuples(st.integers(1, 18), st.integers(1, 18)),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)),
    pool=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)),
    average=st.booleans(),
    batch=st.integers(1, 11),
    threads=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_any_sizes_that_fit(size, channels, window, pool, average, batch, threads):
    (H, W), (C, F), (FH, FW, stride, pad), (ph, pw, ps, pp) = size, channels, window, pool

    def layers():
        r = np.random.default_rng(0)
        kind = AveragePooling if average else Pooling
        return [conv(r, F, C, FH, FW, stride, pad), Sigmoid(), kind(ph, pw, ps, pp), conv(r, 2, F, 1), Flatten()]

    try:
        nets = [Network(layers(), IdentityWithLoss(), engine=e, input_shape=(C, H, W)) for e in ("native", "numpy")]
    except ValueError:
        return  # no window fits
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, C, H, W))
    t = rng.standard_normal(nets[1].predict(x).shape)
    order = np.arange(batch).reshape(1, batch)
    NativeRunner(nets[0], SGD(0.1), x, t, threads).steps(order)
    NumPyRunner(nets[1], SGD(0.1), x, t).steps(order)
    close(nets[0].block.values, nets[1].block.values, np.float64)


# -- the verifier ------------------------------------------------------------------------------------------------


def program_of(name="steps of two", batch=10):
    network = make(name, np.float32)
    program = lower.lower(
        nodes(network, ZOO[name][0]),
        network.block.offsets,
        batch=batch,
        inputs=int(np.prod(ZOO[name][0])),
        source="f4",
        scale=0.0,
        threads=2,
        itemsize=4,
        lanes=16,
        purpose="train",
    )  # fmt: skip  (a tape is only looked at here: on any processor)
    return program, network.block.values.nbytes


@pytest.mark.parametrize("name", ZOO)
def test_our_own_tapes_pass(name):
    verify(*program_of(name))


CASES = [
    *((op, field) for op in ("CONV", "GRAD_CONV") for field in ("images", "height", "width", "window_height", "n")),
    *(("CONV", field) for field in ("window_width", "depth", "x_start", "out_start", "out_line")),
    *(("GRAD_CONV", field) for field in ("chunks", "part_step", "sums_step", "x_line", "dout_start")),
    *(("DRAW", field) for field in ("images", "height", "width", "channels", "out_start")),
    *(("SPREAD", field) for field in ("images", "height", "width", "numbers", "out_start", "x_start")),
    *(("FLIP", field) for field in ("places", "depth", "n")),
    *(("BORDER", field) for field in ("images", "height", "border", "depth")),
    *(("POOL", field) for field in ("images", "height", "width", "vectors", "x_height", "window_height", "x_start")),
    *(("POOL_BACK", field) for field in ("images", "height", "vectors", "x_width", "numbers", "dout_start")),
    *(("FLATTEN", field) for field in ("images", "pixels", "channels", "depth")),
    *(("STEP_PARTS", field) for field in ("count", "chunks", "part_step")),
    *(("PIECES", field) for field in ("images", "chunks", "size", "length")),
]
WHERE = {"SPREAD": "steps of two", "BORDER": "odd sizes", "FLATTEN": "the mean, and no Affine"}
WHERE |= dict.fromkeys(("POOL", "POOL_BACK"), "the book's simple one")


ROOM = {
    **dict.fromkeys((("CONV", "width"), ("GRAD_CONV", "width"), ("SPREAD", "width"), ("POOL_BACK", "x_width")), 2),
    **dict.fromkeys((("CONV", "n"), ("GRAD_CONV", "n"), ("FLIP", "n")), 16),
    **dict.fromkeys((("CONV", "x_start"), ("DRAW", "out_start"), ("POOL_BACK", "dout_start")), 256),
    **dict.fromkeys((("CONV", "out_start"), ("GRAD_CONV", "dout_start"), ("SPREAD", "x_start")), 128),
    **{("POOL", "x_start"): 128, ("SPREAD", "out_start"): 4096, ("SPREAD", "numbers"): 64},
    **{("CONV", "out_line"): 16, ("GRAD_CONV", "x_line"): 32, ("POOL_BACK", "numbers"): 32},
    **{("BORDER", "height"): 4, ("FLATTEN", "pixels"): 2, ("PIECES", "chunks"): 3},
}
"""What is too much where one more still has room: in what fills a vector, a cache line or an image up."""


@pytest.mark.parametrize(("op", "field"), CASES)
def test_a_line_that_was_tampered_with_is_refused(op, field):
    program, size = program_of(WHERE.get(op, "steps of two"))
    verify(program, size)
    line = next(line for line in program.lines if line.op.name == op)
    line.sizes[field] += ROOM.get((op, field), 1)
    with pytest.raises(BadTape):
        verify(program, size)


def test_a_convolutions_gradient_is_refused_outside_of_a_piece():
    program, size = program_of("steps of two")
    at, pieces = next((i, line) for i, line in enumerate(program.lines) if line.op.name == "PIECES")
    # All its images in memory of their own: nothing but the sum's parts, one a chunk of the piece, is wrong then.
    for line in program.lines[at : at + 1 + pieces.sizes["length"]]:
        assert line.owner == pieces.owner
    local = {id(each): each for line in program.lines for each in line.operands.values() if each.bank == Bank.LOCAL}
    for buffer in local.values():
        buffer.bank, buffer.offset = Bank.SCRATCH, program.place_sizes[Bank.SCRATCH]
        program.place_sizes[Bank.SCRATCH] += program.batch * program.place_sizes[Bank.LOCAL]
        buffer.size = program.batch * program.place_sizes[Bank.LOCAL]
    verify(program, size)
    program.lines[:] = [line for line in program.lines if line.op.name != "PIECES"]
    with pytest.raises(BadTape, match="GRAD_CONV: a sum in the parts of a piece is outside of it"):
        verify(program, size)


@pytest.mark.parametrize("op", ["POOL", "POOL_BACK"])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pad": 2}, "a window lies in the padding alone"),
        ({"pad": 2, "window_height": 3}, "a window lies in the padding alone"),
        ({"pad": 1, "window_height": 257, "window_width": 255}, None),
        ({"pad": 1, "window_height": 257, "window_width": 256}, "16 bits hold no place in so large a window"),
    ],
)
def test_windows_of_pooling_are_bounded(op, changes, says):
    program, size = program_of("the book's simple one")
    line = next(line for line in program.lines if line.op.name == op)
    line.sizes.update(changes)
    if says is None:
        verify(program, size)
    else:
        with pytest.raises(BadTape, match=f"{op}: {says}"):
            verify(program, size)


@pytest.mark.parametrize("op", ["POOL", "POOL_BACK"])
def test_places_take_16_bits_each(op):
    program, size = program_of("the book's simple one")
    line = next(line for line in program.lines if line.op.name == op)
    assert line.operands["place"].bank == Bank.SCRATCH
    numbers = 16 * line.sizes["vectors"] * line.sizes["height"] * line.sizes["width"]
    line.sizes["place_step"] = 2 * numbers
    verify(program, size)
    line.sizes["place_step"] -= 2
    with pytest.raises(BadTape, match=f"{op}: an image of place has {2 * numbers - 2} bytes, fewer than {2 * numbers}"):
        verify(program, size)


@pytest.mark.parametrize(
    ("op", "field", "value"),
    [
        ("DRAW", "depth", lambda v: 16 * v),
        ("DRAW", "out_pixel", lambda v: 2 * v),
        ("DRAW", "row_bytes", lambda v: v - 1),
        ("CONV", "out_step", lambda v: v + 64),
        ("GRAD_CONV", "images", lambda v: v - 1),
        ("GRAD_CONV", "chunks", lambda v: v - 1),
        ("POOL", "x_step", lambda v: 2 * v),
        ("RELU_BACK", "dout_step", lambda v: 2 * v),
        ("RELU_BACK", "rows", lambda v: v - 1),
        ("PIECES", "chunks", lambda v: v + 1),
    ],
)
def test_a_little_too_much_is_refused_too(op, field, value):
    program, size = program_of("the book's deep one")
    line = next(each for each in reversed(program.lines) if each.op.name == op and each.owner == program.by_images())
    line.sizes[field] = value(line.sizes[field])
    with pytest.raises(BadTape):
        verify(program, size)


def test_images_of_a_piece_are_refused_outside_of_it():
    program, size = program_of("the book's simple one")
    assert any(each.bank == Bank.LOCAL for line in program.lines for each in line.operands.values())
    at = next(i for i, line in enumerate(program.lines) if line.op.name == "PIECES")
    del program.lines[at]
    with pytest.raises(BadTape, match="outside of it"):
        verify(program, size)


@pytest.mark.parametrize(
    ("layers", "changes"),
    [
        (lambda r: [conv(r, 3, 2, 3), affine(r, 108, 4)], {"stride": 2, "pad": 3}),
        (lambda r: [conv(r, 2, 2, 3), Pooling(3, 3, 2, 1), affine(r, 18, 4)], {"pool_h": 2, "pool_w": 2, "pad": 0}),
        (lambda r: [conv(r, 2, 2, 3), AveragePooling(2, 2, 2), affine(r, 18, 4)], {"pool_h": 3, "pad": 1, "pool_w": 4}),
    ],
)
def test_a_window_that_somebody_changes_is_noticed(layers, changes):
    ours, theirs = (
        Network(layers(np.random.default_rng(0)), SoftmaxWithLoss(), input_shape=(2, 8, 8), engine=engine)
        for engine in ("native", "numpy")
    )
    x, t = np.random.default_rng(1).standard_normal((9, 2, 8, 8)), np.arange(9) % 4
    native, plain = NativeRunner(ours, SGD(0.1), x, t), NumPyRunner(theirs, SGD(0.1), x, t)
    for changed in (False, True):
        for network in (ours, theirs):
            looks = next(each for each in reversed(network.layers.values()) if hasattr(each, "stride"))
            vars(looks).update(changes if changed else {})
        close(native.steps(np.arange(9)[None]), plain.steps(np.arange(9)[None]), np.float64)
        got, want = ours.gradient(x, t), theirs.gradient(x, t)
        for key in want:
            close(got[key], want[key], np.float64, 10)
        close(ours.predict(x[:2].reshape(2, -1)), theirs.predict(x[:2]), np.float64)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [("stride", 0, "stride"), ("pad", -1, "pad"), ("pool_w", 2.5, "pool_w"), ("stride", True, "stride"),
     ("pad", 2, "as large as the window")],
)  # fmt: skip
def test_a_window_that_cannot_be_is_left_to_numpy_by_name(name, value, word):
    network = make("the book's simple one")
    x, t = data("the book's simple one", 3)
    network.gradient(x, t)
    setattr(network.layers["Pooling1"], name, value)
    network.engine = "native"
    with pytest.raises(ValueError, match=word):
        network.gradient(x, t)


def test_pooling_over_more_pixels_than_its_places_can_name_is_left_to_numpy():
    x, t = np.zeros((2, 1, 300, 300)), np.array([0, 1])
    x[:, :, 299, 299] = 1
    ours, theirs = (
        Network([conv(np.random.default_rng(0), 1, 1, 1), Pooling(300, 300, 1), affine(np.random.default_rng(1), 1, 3)],
                SoftmaxWithLoss(), input_shape=(1, 300, 300), engine=engine)
        for engine in ("auto", "numpy")
    )  # fmt: skip
    close(ours.gradient(x, t)["W1"], theirs.gradient(x, t)["W1"], np.float64)
    assert "65,536 pixels" in lower.unruled(ours)


def test_targets_checked_for_other_outputs_are_not_trained_on():
    r = np.random.default_rng(0)
    network = Network([conv(r, 1, 1, 1), Pooling(2, 2, 2), Flatten()], SoftmaxWithLoss(), input_shape=(1, 6, 6))
    native = NativeRunner(network, SGD(0.1), r.standard_normal((9, 1, 6, 6)), np.arange(9))
    native.steps(np.arange(9)[None])
    network.layers["Pooling1"].stride = 4
    with pytest.raises(ValueError, match="gave 9 scores a sample, and now gives 4"):
        native.steps(np.arange(9)[None])


def test_answers_of_yes_or_no_for_images_are_left_to_numpy():
    r = np.random.default_rng(0)
    network = Network([conv(r, 2, 1, 3)], SigmoidWithLoss(), input_shape=(1, 6, 6))
    x, t = r.standard_normal((5, 1, 6, 6)), r.integers(2, size=(5, 2, 4, 4))
    with pytest.warns(UserWarning, match="no row of numbers"):
        assert fit(network, x, t, iterations=2, batch_size=5).engine == "numpy"


def test_the_listing_tells_of_images():
    text = listing(make("the book's deep one", np.float32), batch_size=10, threads=1)
    for words in (
        *("x ← images of the data", "c1 ← x convolved with W1, + b1", "(10, 14, 14) · windows of 3 × 3 × 1 → 16"),
        *("p1 ← c2 pooled", "of 10 images at a time", "W4 flipped ← W4 upside down"),
    ):
        assert words in text, words
    assert "BORDER        c2" not in text, "a frame that nobody reads"
    # Two convolutions of 14 × 14 pixels and two of 7 × 7, the last giving 9 × 9: forward, dW, and dx but for the first,
    # which is done again instead.
    pixels = 196 * 9 * 16 * 3 + 196 * 144 * 16 * 3 + 49 * 144 * 32 * 3 + (81 * 2 + 49) * 288 * 32
    affine = 512 * 9 * 3 + 9 * 10 * 3
    assert f"{10 * (pixels + affine) / 1e6:.1f} million multiplications" in text


def test_images_that_are_cheap_are_computed_again_instead_of_kept(monkeypatch):
    x, t = data("the book's deep one", 30)
    results, room = set(), []
    for most in (images.CHEAP, 0):
        monkeypatch.setattr(images, "CHEAP", most)
        network = make("the book's deep one", np.float32)
        native = NativeRunner(network, SGD(0.1), x, t, 2)
        native.steps(np.arange(30).reshape(1, 30))
        [ready] = native._ready.values()
        results.add(network.block.values.tobytes())
        room.append(ready.sizes[Bank.SCRATCH])
    assert len(results) == 1
    assert room[0] < room[1]


def test_the_listing_counts_the_multiplications_of_convolutions():
    layers = [conv(np.random.default_rng(0), 16, 1, 3), Flatten()]
    network = Network(layers, SoftmaxWithLoss(), input_shape=(1, 10, 10))
    head = listing(network, batch_size=1000, threads=1).splitlines()[0]
    assert head.startswith("Network 1×10×10 → 16, batch 1000")
    assert "18.4 million multiplications a step" in head  # 2 · 1000 · 64 · 9 · 16


@pytest.mark.parametrize(("batch", "long"), [(1, False), (400, True)])
def test_threads_of_a_long_step_spin_longer(batch, long):
    """In a step of milliseconds they may finish apart: to sleep would cost more than to look a little longer."""
    program, _ = program_of("the book's deep one", batch)
    spin = crew.Session(lambda *_: 0, program).frame[Frame.SPIN]
    assert (spin > crew.SPIN) == (long and program.threads <= target.usable_cores())
