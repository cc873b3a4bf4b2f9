"""The peers, by name. Nothing here imports any of their libraries: a worker does that, in its own process."""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import os


def absent(modules):
    """Those of the modules that this Python doesn't have; none of them is imported."""
    return [name for name in modules if importlib.util.find_spec(name) is None]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One peer: `peers/<module>.py` has `function(job)`, which gives an object with `unit` and `run()`."""

    title: str
    module: str
    function: str
    kinds: tuple[str, ...]
    needs: tuple[str, ...] = ()  # modules that must be importable
    package: str = ""  # distribution whose version is reported, or several, of which any may be there
    ours: bool = False
    by_affinity: bool = False  # its thread pool counts the cores it may use; no variable sets it

    def missing(self):
        """The needed modules that this Python doesn't have."""
        return absent(self.needs)

    def version(self):
        """The version of the distribution, or nothing where there is none (a source tree, a hand-written peer)."""
        for package in self.package.split():
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                return importlib.metadata.version(package)
        return getattr(importlib.import_module(self.package), "__version__", "") if self.ours else ""

    def limit_cores(self, threads):
        """Leave this process `threads` cores, where that is the only way to tell the library."""
        if self.by_affinity and hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            if threads < len(cores):
                os.sched_setaffinity(0, cores[:threads])


TRAIN, LOOP, PREDICT, POST, CONV = "train", "loop", "predict", "post", "conv"

PEERS = {
    "native": Entry("badak native", "ours", "native", (TRAIN,), ("badak",), "badak", ours=True),
    "numpy": Entry("badak NumPy", "ours", "plain", (TRAIN,), ("badak",), "badak", ours=True),
    "native-loop": Entry("badak by hand, native", "ours", "native_loop", (LOOP,), ("badak",), "badak", ours=True),
    "numpy-loop": Entry("badak by hand, NumPy", "ours", "numpy_loop", (LOOP,), ("badak",), "badak", ours=True),
    "native-predict": Entry("badak native", "ours", "native_predict", (PREDICT,), ("badak",), "badak", ours=True),
    "numpy-predict": Entry("badak NumPy", "ours", "numpy_predict", (PREDICT,), ("badak",), "badak", ours=True),
    "jax": Entry("JAX, scan over the epoch", "jaxscan", "train", (TRAIN,), ("jax",), "jax", by_affinity=True),
    "torch-compiled": Entry("PyTorch compiled", "pytorch", "compiled", (TRAIN,), ("torch",), "torch"),
    "torch": Entry("PyTorch eager", "pytorch", "eager", (TRAIN,), ("torch",), "torch"),
    "torch-loop": Entry("PyTorch eager by hand", "pytorch", "loop", (LOOP,), ("torch",), "torch"),
    "torch-predict": Entry("PyTorch eager", "pytorch", "predict", (PREDICT,), ("torch",), "torch"),
    "tensorflow": Entry(
        "TensorFlow, loop in one XLA function",
        "tensorflow_xla",
        "train",
        (TRAIN,),
        ("tensorflow",),
        "tensorflow tensorflow-cpu",
        by_affinity=True,
    ),
    "sklearn": Entry("scikit-learn MLPClassifier", "scikit", "train", (TRAIN,), ("sklearn",), "scikit-learn"),
    "onnxruntime": Entry("onnxruntime", "onnx_runtime", "predict", (PREDICT,), ("onnxruntime", "onnx"), "onnxruntime"),
    "post": Entry("the post's NumPy", "post", "train", (TRAIN, POST), (), "numpy"),
    "posts-float32": Entry("badak NumPy, float32", "ours", "posts_float32", (POST,), ("badak",), "badak", ours=True),
    "posts-float64": Entry("badak NumPy, float64", "ours", "posts_float64", (POST,), ("badak",), "badak", ours=True),
    "posts-auto32": Entry("badak auto, float32", "ours", "posts_auto32", (POST,), ("badak",), "badak", ours=True),
    "posts-auto64": Entry("badak auto, float64", "ours", "posts_auto64", (POST,), ("badak",), "badak", ours=True),
    "native-conv": Entry("badak native", "ours", "conv_native", (CONV,), ("badak",), "badak", ours=True),
    "numpy-conv": Entry("badak NumPy", "ours", "conv_plain", (CONV,), ("badak",), "badak", ours=True),
    "tensorflow-conv": Entry(
        "TensorFlow, loop in one function",
        "tensorflow_conv",
        "train",
        (CONV,),
        ("tensorflow",),
        "tensorflow tensorflow-cpu",
        by_affinity=True,
    ),
    "torch-conv": Entry("PyTorch eager", "torch_conv", "eager", (CONV,), ("torch",), "torch"),
    "torch-conv-last": Entry("PyTorch channels_last", "torch_conv", "channels_last", (CONV,), ("torch",), "torch"),
    "torch-conv-compiled": Entry("PyTorch compiled", "torch_conv", "compiled", (CONV,), ("torch",), "torch"),
    "jax-conv": Entry("JAX, scan", "jax_conv", "train", (CONV,), ("jax",), "jax", by_affinity=True),
    "book": Entry("the book's NumPy", "book", "train", (CONV,), (), "numpy"),
    "book-trainer": Entry("the book's Trainer, second forward", "book", "trainer", (CONV,), (), "numpy"),
    "peak": Entry("FMA peak", "peak", "peak", (), ("numba",), "numba"),
    "post-loop": Entry("the post's NumPy by hand", "post", "loop", (LOOP,), (), "numpy"),
    "post-predict": Entry("the post's NumPy", "post", "predict", (PREDICT,), (), "numpy"),
}
