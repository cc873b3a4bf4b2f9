"""The work that every peer does: one net, its first weights, its data and the order of its batches, as files."""

import dataclasses
import gzip
import itertools
import json
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "t_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "t_test": "t10k-labels-idx1-ubyte",
}


def read_idx(file):
    """One IDX file of bytes (gzipped or not): images as (N, 784) rows, labels as (N,)."""
    file = Path(file)
    if not file.exists() and file.with_name(file.name + ".gz").exists():
        file = file.with_name(file.name + ".gz")
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", dimensions, 4).astype(int)
    values = np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions)
    return values.reshape(shape[0], -1) if dimensions > 1 else values


def read_digits(folder=None):
    """The four arrays of bytes, from a folder of IDX files or, without one, from the copy that badak ships."""
    if folder is not None:
        return {key: read_idx(Path(folder) / name) for key, name in IDX_NAMES.items()}
    try:
        from badak import load_mnist
    except ImportError as error:
        raise SystemExit(f"no data: give --data FOLDER with the four IDX files ({error})") from error
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, flatten=True)
    return {"x_train": x_train, "t_train": t_train, "x_test": x_test, "t_test": t_test}


def write_idx(folder, arrays):
    """Write the four arrays as uncompressed IDX files, for whole commands that read such a folder."""
    for key, name in IDX_NAMES.items():
        values = np.ascontiguousarray(arrays[key], dtype=np.uint8)
        shape = (len(values), 28, 28) if key.startswith("x") else (len(values),)
        head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
        (Path(folder) / name).write_bytes(head + values.tobytes())


NETS = {
    # ("conv", filters, size, pad), with a stride of 1; ("relu",); ("pool",), the largest of 2 x 2; ("affine", size);
    # ("dropout",). Images are (1, 28, 28).
    "simple-conv": (("conv", 30, 5, 0), ("relu",), ("pool",), ("affine", 100), ("relu",), ("affine", 10)),
    "deep-conv": (
        *(("conv", 16, 3, 1), ("relu",), ("conv", 16, 3, 1), ("relu",), ("pool",)),
        *(("conv", 32, 3, 1), ("relu",), ("conv", 32, 3, 2), ("relu",), ("pool",)),
        *(("conv", 64, 3, 1), ("relu",), ("conv", 64, 3, 1), ("relu",), ("pool",)),
        *(("affine", 50), ("relu",), ("dropout",), ("affine", 10), ("dropout",)),
    ),
    # Every kind of layer once: to load a library's code before memory is measured.
    "tiny-conv": (("conv", 4, 3, 1), ("relu",), ("pool",), ("affine", 8), ("relu",), ("dropout",), ("affine", 10)),
}


def weights_of(net):
    """The layers of one of NETS that have weights, in order: (kind, shape of W, pad, size of the output a sample)."""
    shape, found = (1, 28, 28), []
    for kind, *numbers in NETS[net]:
        if kind == "conv":
            filters, size, pad = numbers
            found.append((kind, (filters, shape[0], size, size), pad))
            shape = (filters, *(n + 2 * pad - size + 1 for n in shape[1:]))
        elif kind == "affine":
            found.append((kind, (int(np.prod(shape)), numbers[0]), 0))
            shape = (numbers[0],)
        elif kind == "pool":
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
        if kind in ("conv", "affine"):
            found[-1] += (int(np.prod(shape)),)
    return found


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of work: what is done (`kind`), by which net, on what input."""

    name: str
    title: str
    kind: str  # "train": whole iterations; "loop": gradient by gradient from Python; "predict": one call;
    # "post": the post's own loop, drawing included; "conv": whole iterations of one of NETS with Adam
    sizes: tuple[int, ...] = (784, 50, 10)
    batch: int = 100
    lr: float = 0.1
    inputs: str = "pixels"  # "pixels": byte / 255; "standardised": mean 0, deviation 1; "pooled": 8x8 means
    std: float | None = None  # deviation of the first weights; None: He's
    checked: int = 20  # iterations whose losses are compared before anything is timed
    tolerance: float = 1e-4  # relative, against float64
    iterations: int | None = None  # in one order; None: as many as make an epoch
    net: str = ""  # one of NETS, instead of `sizes`
    dropout: float = 0.0  # ratio in every "dropout" of the net; 0 while losses are compared
    unit: int = 1  # iterations of a compiled loop, in the conv cases

    @property
    def weights(self):
        """The shapes of W1, W2, …"""
        return [shape for _, shape, *_ in weights_of(self.net)] if self.net else [*itertools.pairwise(self.sizes)]

    @property
    def flops(self):
        """Useful multiplications and additions of one iteration: the first layer needs no input gradient."""
        if self.net:  # each weight of a filter meets every place of its output map
            places = [out // shape[0] if kind == "conv" else 1 for kind, shape, _, out in weights_of(self.net)]
            products = [2 * self.batch * int(np.prod(w)) * n for w, n in zip(self.weights, places, strict=True)]
        else:
            products = [2 * self.batch * d * h for d, h in self.weights]
        return sum(products) if self.kind == "predict" else 3 * sum(products) - products[0]


CASES = {
    case.name: case
    for case in (
        Case("pixels", "784-50-10, batch 100, pixels", "train", std=0.01),
        Case("dense", "784-50-10, batch 100, standardised pixels", "train", std=0.01, inputs="standardised"),
        Case("small", "64-32-10, batch 32", "train", (64, 32, 10), 32, inputs="pooled"),
        # A quarter of an epoch: a compiled loop over all of it would outlast the calm moments of a busy machine.
        Case("large", "784-512-256-10, batch 128", "train", (784, 512, 256, 10), 128, iterations=120),
        Case("loop", "784-50-10, batch 100, gradient by gradient from Python", "loop", std=0.01),
        Case("posts-loop", "784-50-10, batch 100, the post's own loop", "post", std=0.01),
        Case("predict-1", "784-50-10, predict 1 image", "predict", batch=1),
        Case("predict-10000", "784-50-10, predict 10,000 images", "predict", batch=10_000),
        Case(
            *("simple-conv", "SimpleConvNet, batch 100, Adam", "conv"),
            **{"lr": 0.001, "checked": 10, "tolerance": 1e-4, "net": "simple-conv", "unit": 10},
        ),
        # Few iterations are compared: Adam divides by the size of the gradient, so that the rounding of a small one
        # moves a weight as far as a large one does, and six layers of it add up.
        Case(
            *("deep-conv", "DeepConvNet, batch 100, Adam", "conv"),
            **{"lr": 0.001, "checked": 5, "tolerance": 2e-3, "net": "deep-conv", "dropout": 0.5, "unit": 5},
        ),
    )
}


@dataclasses.dataclass
class Job:
    """A case with its arrays, as a worker gets it. `x` (N, D) and `params` are float32, `t` (N,) int64."""

    case: Case
    threads: int
    x: np.ndarray
    t: np.ndarray
    order: np.ndarray  # (iterations of one epoch, batch) int64, gone through again and again
    params: dict[str, np.ndarray]
    pixels: np.ndarray | None  # (N, 784) uint8, where x is nothing but pixels / 255
    expected: np.ndarray | None = None  # (2, checked), what `reference` gives, and for the book, where known before

    @property
    def depth(self):
        return len(self.case.weights)


def inputs_of(case, pixels):
    """The rows that the case feeds in: (N, D) float32."""
    if case.inputs == "pixels":
        return pixels.astype(np.float32) / np.float32(255)
    if case.inputs == "standardised":
        x = pixels.astype(np.float32)
        x -= x.mean(dtype=np.float64).astype(np.float32)
        x /= x.std(dtype=np.float64).astype(np.float32)
        return x
    if case.inputs == "pooled":  # the middle 24x24 pixels as 8x8 means of 3x3
        middle = pixels.reshape(-1, 28, 28)[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3)
        return (middle.mean(axis=(2, 4), dtype=np.float32) / np.float32(255)).reshape(-1, 64)
    raise ValueError(f"inputs must be pixels, standardised or pooled, not {case.inputs!r}")


def first_weights(shapes, std, rng):
    """Weights W1, b1, … in float32: normal with deviation `std`, or He's sqrt(2 / D) for D inputs of an output."""
    params = {}
    for i, shape in enumerate(shapes, 1):
        inputs, outputs = (int(np.prod(shape[1:])), shape[0]) if len(shape) == 4 else shape
        scale = np.sqrt(2 / inputs) if std is None else std
        params[f"W{i}"] = (scale * rng.standard_normal(shape)).astype(np.float32)
        params[f"b{i}"] = np.zeros(outputs, np.float32)
    return params


def write_job(folder, case, digits, seed=0):
    """Put the case with all its arrays into `folder`, where the workers memory-map them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = digits["x_train"]
    if case.kind == "predict" and case.batch > len(pixels):
        raise ValueError(f"{case.name} needs {case.batch} images, the data has {len(pixels)}")
    arrays = {"x": inputs_of(case, pixels), "t": digits["t_train"].astype(np.int64)}
    iterations = case.iterations or max(len(pixels) // case.batch, 1)
    # The legacy generator, as in the post, so that a loop that draws by itself draws this order.
    legacy = np.random.RandomState(0)
    arrays["order"] = np.array([legacy.choice(len(pixels), case.batch) for _ in range(iterations)], np.int64)
    arrays |= first_weights(case.weights, case.std, rng)
    if case.inputs == "pixels":
        arrays["pixels"] = pixels
    for key, values in arrays.items():
        np.save(folder / f"{key}.npy", values)
    (folder / "case.json").write_text(json.dumps(dataclasses.asdict(case)))
    if case.net:  # slow in float64: once for all peers
        job = read_job(folder, 1)
        np.save(folder / "expected.npy", [reference(job), reference(job, book=True)])


def read_job(folder, threads, **changes):
    """The job that `write_job` left, its big arrays memory-mapped, with `changes` to its case."""
    folder = Path(folder)
    head = json.loads((folder / "case.json").read_text())
    case = Case(**{**head, "sizes": tuple(head["sizes"]), **changes})

    def array(name):
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    names = [f"{letter}{i + 1}" for i in range(len(case.weights)) for letter in "Wb"]
    return Job(
        case,
        threads,
        array("x"),
        array("t"),
        np.array(array("order")),
        {name: np.array(array(name)) for name in names},
        array("pixels") if (folder / "pixels.npy").exists() else None,
        array("expected") if (folder / "expected.npy").exists() else None,
    )


def reference(job, book=False):
    """What every peer must agree with, in float64: the first losses, or the scores for `predict`.

    With `book`, Adam is the book's, whose eps is ten times as large and added before the bias is corrected.

    Written out here once more, from the mathematics, so that no peer is measured against itself.
    """
    case = job.case
    if case.net:
        return conv_reference(job, book)
    params = {name: values.astype(np.float64) for name, values in job.params.items()}
    depth = job.depth

    def scores(x):
        saved = [x]
        for i in range(1, depth + 1):
            x = x @ params[f"W{i}"] + params[f"b{i}"]
            if i < depth:
                x = np.maximum(x, 0)
            saved.append(x)
        return saved

    if case.kind == "predict":
        return scores(np.asarray(job.x[: case.batch], np.float64))[-1]
    losses = np.empty(case.checked)
    for step in range(case.checked):
        rows = job.order[step % len(job.order)]
        saved = scores(np.asarray(job.x[rows], np.float64))
        t = job.t[rows]
        z = saved[-1] - saved[-1].max(axis=1, keepdims=True)
        log_y = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses[step] = -log_y[np.arange(len(t)), t].mean()
        d = np.exp(log_y)
        d[np.arange(len(t)), t] -= 1
        d /= len(t)
        for i in range(depth, 0, -1):
            dw, db = saved[i - 1].T @ d, d.sum(axis=0)
            if i > 1:
                d = (d @ params[f"W{i}"].T) * (saved[i - 1] > 0)
            params[f"W{i}"] -= case.lr * dw
            params[f"b{i}"] -= case.lr * db
    return losses


def softmax_loss(scores, t):
    """The mean cross-entropy of the scores, and its gradient."""
    z = scores - scores.max(axis=1, keepdims=True)
    log_y = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    hot = np.arange(scores.shape[1]) == np.asarray(t)[:, None]
    return -log_y[hot].mean(), (np.exp(log_y) - hot) / len(t)


def conv_reference(job, book):
    """The first losses of one of NETS without dropout, trained by Adam with bias correction and eps 1e-8.

    By sums over windows: the gradient of a convolution's input is a convolution of the padded `d` with the filters
    turned round, so no peer's way (columns and back) is used here.
    """
    case = job.case
    params = {name: values.astype(np.float64) for name, values in job.params.items()}
    m, v = ({name: np.zeros_like(values) for name, values in params.items()} for _ in "mv")
    losses = np.empty(case.checked)

    def windows(x, size, pad):  # (N, C, OH, OW, size, size)
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        return sliding_window_view(x, (size, size), axis=(2, 3))

    def convolve(seen, w):
        return np.moveaxis(np.tensordot(seen, w, ((1, 4, 5), (1, 2, 3))), 3, 1)

    for step in range(case.checked):
        rows = job.order[step % len(job.order)]
        x, back, k = np.asarray(job.x[rows], np.float64).reshape(-1, 1, 28, 28), [], 0
        for kind, *numbers in NETS[case.net]:
            if kind == "conv":
                k += 1
                seen = windows(x, *numbers[1:])
                back.append((kind, k, seen, numbers))
                x = convolve(seen, params[f"W{k}"]) + params[f"b{k}"][:, None, None]
            elif kind == "affine":
                k += 1
                back.append((kind, k, x, numbers))
                x = x.reshape(len(x), -1) @ params[f"W{k}"] + params[f"b{k}"]
            elif kind == "relu":
                back.append((kind, k, x > 0, numbers))
                x = np.maximum(x, 0)
            elif kind == "pool":
                n, c, h, w = x.shape
                cells = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, -1, 4)
                back.append((kind, k, cells.argmax(axis=4), numbers))
                x = cells.max(axis=4)
        losses[step], d = softmax_loss(x, job.t[rows])
        grads = {}
        for kind, i, saved, numbers in reversed(back):
            if kind == "conv":
                _, size, pad = numbers
                grads[f"W{i}"] = np.tensordot(d, saved, ((0, 2, 3), (0, 2, 3)))
                grads[f"b{i}"] = d.sum(axis=(0, 2, 3))
                if i > 1:
                    turned = params[f"W{i}"][:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
                    d = convolve(windows(d, size, size - 1 - pad), turned)
            elif kind == "affine":
                grads[f"W{i}"], grads[f"b{i}"] = saved.reshape(len(saved), -1).T @ d, d.sum(axis=0)
                d = (d @ params[f"W{i}"].T).reshape(saved.shape)
            elif kind == "relu":
                d = d * saved
            elif kind == "pool":
                cells = (saved[..., None] == np.arange(4)) * d[..., None]
                n, c, h, w = saved.shape
                d = cells.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)
        for name, grad in grads.items():
            m[name] += 0.1 * (grad - m[name])
            v[name] += 0.001 * (grad * grad - v[name])
            m_share, v_share = 1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)
            eps = 1e-7 / np.sqrt(v_share) if book else 1e-8
            params[name] -= case.lr * m[name] / m_share / (np.sqrt(v[name] / v_share) + eps)
    return losses


def disagreement(job, got, book=False):
    """The largest relative difference between a peer's check and the reference (for scores: of the largest)."""
    want = reference(job, book) if job.expected is None else job.expected[int(book)]
    got = np.asarray(got, np.float64)
    if got.shape != want.shape:
        raise ValueError(f"the check has shape {got.shape}, expected {want.shape}")
    scale = np.abs(want).max() if job.case.kind == "predict" else np.abs(want)
    worst = np.max(np.abs(got - want) / scale)
    return float(worst) if np.isfinite(got).all() else float("inf")
