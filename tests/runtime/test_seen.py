import io

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from edgepatent_runtime.errors import InputError
from edgepatent_runtime.seen import Seen, hashes


def drawings(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


@hypothesis.settings(max_examples=30)
@hypothesis.given(st.sets(st.integers(0, 39)), st.sampled_from([(8, 8), (1, 8, 8)]))
def test_what_was_seen_is_known_again_and_nothing_else(
    rows: set[int], shape: tuple[int, ...]
) -> None:
    every = drawings(40).reshape(40, *shape)
    seen = Seen.from_bytes(Seen({8: hashes(every[sorted(rows)])}).to_bytes())
    assert seen.knows(every).tolist() == [row in rows for row in range(40)]
    assert seen.sizes == ((8,) if rows else ())


def test_a_drawing_of_another_size_is_another_drawing() -> None:
    seen = Seen({8: hashes(drawings(3))}).joined(Seen({16: hashes(drawings(2, 16))}))
    assert set(seen.sizes) == {8, 16}
    assert seen.knows(drawings(3)).all()
    assert seen.knows(drawings(2, 16)).all()
    assert not seen.knows(drawings(2, 32)).any()


def test_it_takes_four_bytes_a_drawing_and_holds_no_picture() -> None:
    many = Seen({8: np.arange(100_000, dtype=np.uint32)}).to_bytes()
    assert len(many) < 401_000
    assert len(Seen({64: hashes(drawings(1, 64))}).to_bytes()) < 400


def broken() -> dict[str, bytes]:
    whole = Seen({8: hashes(drawings(9))}).to_bytes()
    floats, named, huge = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(floats, **{"8": np.zeros(3)})
    np.savez(named, eight=np.zeros(3, np.uint32))
    np.savez(huge, **{"1000000": np.zeros(3, np.uint32)})
    return {
        "empty": b"",
        "cut short": whole[:-30],
        "of floats": floats.getvalue(),
        "without a size": named.getvalue(),
        "of huge drawings": huge.getvalue(),
    }


@pytest.mark.parametrize(("data"), broken().values(), ids=broken())
def test_damage_is_one_line(data: bytes) -> None:
    with pytest.raises(InputError, match="are damaged"):
        Seen.from_bytes(data)
