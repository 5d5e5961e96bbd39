import numpy as np
import onnx
import pytest

from edgepatent_export import calibrate
from edgepatent_export.calibrate import FEWEST, check_drawings, expose, observe
from edgepatent_export.onnx_model import INPUT
from edgepatent_export.quantize import quantised_tensors
from edgepatent_runtime.encoder import Drawings, open_session
from edgepatent_runtime.errors import ExportError


def activations(proto: onnx.ModelProto, names: list[str], drawings: Drawings) -> dict:
    session = open_session(expose(proto, names).SerializeToString())
    return dict(zip(names, session.run(names, {INPUT: drawings}), strict=True))


def test_minmax_means_and_peaks_are_those_of_all_activations(
    proto: onnx.ModelProto, drawings: Drawings
) -> None:
    names = quantised_tensors(proto)
    statistics = observe(proto, names, drawings)
    for name, values in activations(proto, names, drawings).items():
        low, high = statistics.ranges("minmax")[name]
        assert low == pytest.approx(min(values.min(), 0), rel=1e-5)
        assert high == pytest.approx(max(values.max(), 0), rel=1e-5)
        axes = (0, 2, 3) if values.ndim == 4 else (0,)
        np.testing.assert_allclose(statistics.means[name], values.mean(axes), atol=1e-3, rtol=1e-3)
        np.testing.assert_allclose(statistics.peaks[name], np.abs(values).max(axes), rtol=1e-5)


def test_percentile_leaves_out_what_it_says(proto: onnx.ModelProto, drawings: Drawings) -> None:
    names = [n for n in quantised_tensors(proto) if n.startswith("relu")]
    ranges = observe(proto, names, drawings).ranges("percentile")
    for name, values in activations(proto, names, drawings).items():
        outside = np.mean(values > ranges[name][1])
        assert outside <= 2 * (1 - calibrate.PERCENTILE / 100)
        assert ranges[name][1] <= values.max() * 1.01


def test_mse_errs_no_more_than_minmax(proto: onnx.ModelProto, drawings: Drawings) -> None:
    names = quantised_tensors(proto)
    statistics = observe(proto, names, drawings)
    values = activations(proto, names, drawings)

    def error(x: np.ndarray, low: float, high: float) -> float:
        step = max((high - low) / 255, 1e-12)
        return float(np.mean((np.rint(np.clip(x, low, high) / step) * step - x) ** 2))

    mse, minmax = statistics.ranges("mse"), statistics.ranges("minmax")
    for name in names:
        assert error(values[name], *mse[name]) <= error(values[name], *minmax[name]) * 1.05


def test_every_range_holds_zero(proto: onnx.ModelProto, drawings: Drawings) -> None:
    statistics = observe(proto, ["relu", "linear"], drawings[:8])
    for method in calibrate.METHODS:
        assert all(low <= 0 <= high for low, high in statistics.ranges(method).values())


def test_statistics_do_not_depend_on_the_parts(
    proto: onnx.ModelProto, drawings: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = quantised_tensors(proto)
    whole = observe(proto, names, drawings)
    monkeypatch.setattr(calibrate, "BATCH", 3)
    parts = observe(proto, names, drawings)
    for name in names:
        np.testing.assert_allclose(
            whole.ranges("minmax")[name], parts.ranges("minmax")[name], rtol=1e-5
        )
        np.testing.assert_allclose(whole.means[name], parts.means[name], rtol=1e-3, atol=1e-4)


def test_entropy_prints_nothing(
    proto: onnx.ModelProto, drawings: Drawings, capsys: pytest.CaptureFixture[str]
) -> None:
    observe(proto, ["relu"], drawings[:8]).ranges("entropy")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", ["blank", "one", "few"])
def test_drawings_that_teach_nothing_are_refused(case: str, drawings: Drawings) -> None:
    given = {
        "blank": np.full_like(drawings, 255),
        "one": np.repeat(drawings[:1], 300, axis=0),
        "few": drawings[: FEWEST - 1],
    }[case]
    with pytest.raises(ExportError, match="at least 16 different drawings"):
        check_drawings(given)


def test_enough_drawings_are_enough(drawings: Drawings) -> None:
    check_drawings(drawings)
