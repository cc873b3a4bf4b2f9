"""What the tests share."""

import os

# Before NumPy is imported: test processes beside each other, each with BLAS threads that spin, wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

# A busy machine is no failure: examples have no deadline, the whole test has pytest's timeout.
settings.register_profile("badak", deadline=None)
settings.load_profile("badak")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the tests out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BADAK_CACHE", str(tmp_path_factory.getbasetemp().parent / "badak-cache"))
        patch.setenv("LANG", "C.UTF-8")
        yield
