import numpy as np

from edgepatent_export.golden import golden_drawings


def test_ink_touches_the_border_of_some() -> None:
    drawings = golden_drawings(64)
    assert drawings.shape == (8, 1, 64, 64)
    assert drawings.dtype == np.uint8
    border = np.ones((64, 64), bool)
    border[1:-1, 1:-1] = False
    inked = (drawings[:, 0][:, border] < 224).any(1)
    assert inked.any()
    assert not inked.all()
    assert (drawings < 224).any(axis=(1, 2, 3)).all()


def test_golden_drawings_are_always_the_same() -> None:
    np.testing.assert_array_equal(golden_drawings(48), golden_drawings(48))
