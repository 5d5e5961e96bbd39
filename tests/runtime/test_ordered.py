"""Order statistics against numpy's, and what they are for: numpy.ma stays out."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgepatent_runtime.ordered import distinct, percentile

NUMBERS = st.integers(-(2**40), 2**40)


@given(arrays.arrays(np.int64, st.integers(0, 40), elements=NUMBERS))
def test_distinct_is_unique(values: np.ndarray) -> None:
    assert distinct(values).tolist() == np.unique(values).tolist()


@given(
    arrays.arrays(np.int64, arrays.array_shapes(max_dims=2, max_side=9), elements=NUMBERS),
    st.floats(0, 100),
)
def test_percentiles_are_numpys(values: np.ndarray, percent: float) -> None:
    assert percentile(values, percent) == pytest.approx(np.percentile(values, percent))


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(np.zeros(0), 50)


def test_they_do_without_masked_arrays() -> None:
    code = (
        "import sys, numpy as np\n"
        "from edgepatent_runtime.ordered import distinct, percentile\n"
        "distinct(np.arange(3)), percentile(np.arange(3), 50)\n"
        "sys.exit('numpy.ma' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
