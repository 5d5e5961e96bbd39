import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgepatent_export import bundle_run, certify
from edgepatent_export.bundle_run import export
from edgepatent_export.drawings import named
from edgepatent_export.figures import Int8Figures
from edgepatent_runtime.encoder import Drawings, Encoder
from edgepatent_runtime.errors import ExportError, TrainingError
from edgepatent_train.run import Run

DATA = ("synthetic:designs=60,views=1,seed=21",)
EXAM = ("synthetic:designs=20,views=3,seed=22",)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def run(run_folder: Path) -> Run:
    return Run.open(run_folder)


def nothing_left(out: Path) -> bool:
    return not out.exists() and not list(out.parent.glob(f".{out.name}*"))


def test_fp32_and_int8_bundles_of_a_run_share_their_drawings(
    run: Run, tmp_path: Path, drawings: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network this small takes .3 ms either way: which is faster is not for the clock to say here.
    times = [certify.Latency(2.0, 2.5), certify.Latency(1.0, 1.5)]
    monkeypatch.setattr(certify, "interleaved_latency", lambda models, drawing: times)
    fp32 = export(run, tmp_path / "fp32", data=DATA)
    int8 = export(
        run,
        tmp_path / "int8",
        data=DATA,
        evaluate=EXAM,
        int8=True,
        both=True,
        max_drop=0.5,
        report=True,
    )
    for bundle in (fp32, int8):
        bundle.verify()
        golden, expected = bundle.golden
        got = Encoder(bundle).encode(golden)
        assert (got * expected).sum(1).min() > 0.9999
    assert fp32.info.precision == "fp32"
    assert fp32.info.certificate is None
    assert int8.info.precision == "int8"
    certificate = int8.info.certificate
    assert certificate is not None
    assert certificate["accepted"]
    assert certificate["evaluation"] == {"sources": list(EXAM), "drawings": 60, "patents": 20}
    assert certificate["calibration"]["drawings"] == 60
    shared = certificate["cosine_min"] >= 0.99
    assert (fp32.info.space == int8.info.space) == shared
    # What lies in another space is not handed out as the same model.
    assert list(int8.models) == (["int8", "fp32"] if shared else ["int8"])
    if shared:
        floats = Encoder(int8, precision="fp32").encode(drawings)
        np.testing.assert_array_equal(floats, Encoder(fp32).encode(drawings))
    with_torch = run.model()
    import torch

    with torch.no_grad():
        plain = with_torch(torch.from_numpy(drawings)).numpy()
    ordered = Encoder(fp32).encode(drawings)
    np.testing.assert_allclose(ordered @ ordered.T, plain @ plain.T, atol=1e-4)
    figures = msgspec.json.decode(
        (run.folder / "pictures" / "int8.json").read_bytes(), type=Int8Figures
    )
    assert (figures.bundle, figures.accepted, figures.max_drop) == ("int8", True, 0.5)
    for level, drop in figures.levels.items():
        assert drop.drop == certificate["drop"][level]
        assert [drop.low, drop.high] == list(certificate["drop_interval"][level])
        assert drop.fp32 - drop.int8 == pytest.approx(drop.drop)
    page = (run.folder / "report.html").read_text("utf-8")
    assert "INT8 beside FP32: accepted" in page
    assert f"<td>{figures.levels['patent'].int8:.4f}</td>" in page
    card = (int8.folder / "MODEL_CARD.md").read_text("utf-8")
    assert "Certificate: accepted" in card
    assert f"{certificate['int8']['levels']['patent']['mAP']:.4f}" in card


def test_refused_int8_says_numbers_and_what_could_help(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with pytest.raises(ExportError, match=r"INT8 is refused: mAP at .* points .*What could help"):
        export(run, out, data=DATA, evaluate=EXAM, int8=True, max_drop=-1.0)
    assert nothing_left(out)


def test_keep_going_writes_fp32_with_the_refusal(run: Run, tmp_path: Path) -> None:
    lines: list[str] = []
    bundle = export(
        run,
        tmp_path / "bundle",
        data=DATA,
        evaluate=EXAM,
        int8=True,
        max_drop=-1.0,
        keep_going=True,
        notify=lines.append,
    )
    assert bundle.info.precision == "fp32"
    assert bundle.info.certificate is not None
    assert not bundle.info.certificate["accepted"]
    assert any("the FP32 model is written" in line for line in lines)
    assert any("200 or more" in line for line in lines)  # only 60 to calibrate on
    assert "refused" in (bundle.folder / "MODEL_CARD.md").read_text("utf-8")


def test_what_exists_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="exists already"):
        export(run, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "mine.txt").read_text() == "mine"


def test_no_permission_is_found_out_before_the_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match="cannot be written"):
        export(run, tmp_path / "file" / "bundle")


def test_an_unfinished_run_is_refused(run_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TrainingError, match="has not finished"):
        export(Run.open(folder), tmp_path / "bundle")
    assert nothing_left(tmp_path / "bundle")


def test_an_interrupted_export_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_run, "model_card", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(run, tmp_path / "bundle", data=DATA)
    assert nothing_left(tmp_path / "bundle")


def test_blank_pages_do_not_calibrate(run: Run, tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "blank"
    folder.mkdir()
    for number in range(20):
        page = np.full((80, 80), 255, np.uint8)
        page[40, 40] = 0 if number == 0 else 255
        cv2.imwrite(str(folder / f"{number}.png"), page)
    with pytest.raises((ExportError, TrainingError), match=r"different drawings|no drawing"):
        export(run, tmp_path / "bundle", int8=True, data=[str(folder)], evaluate=EXAM)
    assert nothing_left(tmp_path / "bundle")


def test_calibrating_on_the_exam_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="also in --evaluate"):
        export(run, tmp_path / "bundle", int8=True, data=DATA, evaluate=DATA)


def test_sources_lose_the_folders_of_this_machine() -> None:
    assert named("/home/me/secret/grants/") == "grants"
    assert named("meshes:/home/me/meshes,designs=5") == "meshes:meshes,designs=5"
    assert named("synthetic:designs=5,seed=1") == "synthetic:designs=5,seed=1"
    assert named("sheets=meshes:/home/me/meshes,seed=5") == "sheets=meshes:meshes,seed=5"
    assert named("icons=/home/me/icons") == "icons=icons"
