"""The work that every peer does: one net, its first weights, its data and the order of its batches, as files."""

import dataclasses
import gzip
import itertools
import json
from pathlib import Path

import numpy as np

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


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of work: what is done (`kind`), by which net, on what input."""

    name: str
    title: str
    kind: str  # "train": whole iterations; "loop": gradient by gradient from Python; "predict": one call;
    # "post": the post's own loop, drawing included
    sizes: tuple[int, ...] = (784, 50, 10)
    batch: int = 100
    lr: float = 0.1
    inputs: str = "pixels"  # "pixels": byte / 255; "standardised": mean 0, deviation 1; "pooled": 8x8 means
    std: float | None = None  # deviation of the first weights; None: He's
    checked: int = 20  # iterations whose losses are compared before anything is timed
    tolerance: float = 1e-4  # relative, against float64
    iterations: int | None = None  # in one order; None: as many as make an epoch

    @property
    def flops(self):
        """Useful multiplications and additions of one iteration: the first layer needs no input gradient."""
        products = [2 * self.batch * d * h for d, h in itertools.pairwise(self.sizes)]
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

    @property
    def depth(self):
        return len(self.case.sizes) - 1


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


def first_weights(sizes, std, rng):
    """Weights W1, b1, … in float32: normal with deviation `std`, or He's sqrt(2 / D)."""
    params = {}
    for i, (d, h) in enumerate(itertools.pairwise(sizes), 1):
        scale = np.sqrt(2 / d) if std is None else std
        params[f"W{i}"] = (scale * rng.standard_normal((d, h))).astype(np.float32)
        params[f"b{i}"] = np.zeros(h, np.float32)
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
    arrays |= first_weights(case.sizes, case.std, rng)
    if case.inputs == "pixels":
        arrays["pixels"] = pixels
    for key, values in arrays.items():
        np.save(folder / f"{key}.npy", values)
    (folder / "case.json").write_text(json.dumps(dataclasses.asdict(case)))


def read_job(folder, threads):
    """The job that `write_job` left, its big arrays memory-mapped."""
    folder = Path(folder)
    head = json.loads((folder / "case.json").read_text())
    case = Case(**{**head, "sizes": tuple(head["sizes"])})

    def array(name):
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    names = [f"{letter}{i}" for i in range(1, len(case.sizes)) for letter in "Wb"]
    return Job(
        case,
        threads,
        array("x"),
        array("t"),
        np.array(array("order")),
        {name: np.array(array(name)) for name in names},
        array("pixels") if (folder / "pixels.npy").exists() else None,
    )


def reference(job):
    """What every peer must agree with, in float64: the first losses, or the scores for `predict`.

    Written out here once more, from the mathematics, so that no peer is measured against itself.
    """
    case = job.case
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


def disagreement(job, got):
    """The largest relative difference between a peer's check and the reference (for scores: of the largest)."""
    want = reference(job)
    got = np.asarray(got, np.float64)
    if got.shape != want.shape:
        raise ValueError(f"the check has shape {got.shape}, expected {want.shape}")
    scale = np.abs(want).max() if job.case.kind == "predict" else np.abs(want)
    worst = np.max(np.abs(got - want) / scale)
    return float(worst) if np.isfinite(got).all() else float("inf")
