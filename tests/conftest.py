"""What the tests share."""

import numpy as np
import pytest


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
