"""A backbone read back from a bundle computes what the bundle computes."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from tiny_networks import SIZE

from edgepatent_export.calibrate import expose
from edgepatent_export.onnx_model import INPUT
from edgepatent_export.readback import as_run, read_backbone
from edgepatent_runtime.bundle import MODEL, SEEN, STARTERS, Bundle, BundleInfo, write_info
from edgepatent_runtime.encoder import Drawings, open_session
from edgepatent_runtime.errors import ExportError
from edgepatent_runtime.seen import Seen, hashes
from edgepatent_train.model import DrawingEncoder
from edgepatent_train.pyramid import Pyramid
from edgepatent_train.run import Run


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPATENT_CACHE", str(tmp_path / "cache"))


def write(folder: Path, proto: onnx.ModelProto, backbone: str, drawings: Drawings) -> Bundle:
    folder.mkdir()
    (folder / MODEL).write_bytes(proto.SerializeToString())
    (folder / SEEN).write_bytes(Seen({SIZE: hashes(drawings)}).to_bytes())
    info = BundleInfo(
        format=1, name="small", space="s", size=SIZE, dimensions=32, precision="fp32",
        target="portable", backbone=backbone, created="", versions={}, files={},
        training={"sources": ["here"], "drawings": 60, "patents": 30, "steps": 7, "loss": "supcon"},
    )  # fmt: skip
    write_info(folder, info)
    return Bundle(folder)


def test_fp32_comes_back_as_it_was(
    tmp_path: Path, proto: onnx.ModelProto, model: DrawingEncoder, drawings: Drawings
) -> None:
    bundle = write(tmp_path / "bundle", proto, "test_efficientnet", drawings)
    backbone = read_backbone(bundle).eval()
    x = (torch.from_numpy(drawings[:8]).float() - 255) / 255
    with torch.no_grad():
        expected = model.backbone.eval().forward_features(x)
        for module in backbone.modules():  # the network of the fixture has ReLU for SiLU
            for name, child in module.named_children():
                if isinstance(child, torch.nn.SiLU):
                    setattr(module, name, torch.nn.ReLU())
        torch.testing.assert_close(backbone.forward_features(x), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_comes_back_but_for_rounding(name: str) -> None:
    bundle = Bundle.starter(name)
    drawings, _ = bundle.golden
    proto = onnx.load_model_from_string(bundle.read(MODEL))
    last = [node for node in proto.graph.node if node.name.startswith("backbone.")][-1]
    given = open_session(expose(proto, last.output).SerializeToString())
    expected = given.run([last.output[0]], {INPUT: drawings})[0]
    backbone = read_backbone(bundle).eval()
    kept: list[torch.Tensor] = []
    layer = backbone.get_submodule(last.name.removeprefix("backbone."))
    layer.register_forward_hook(lambda module, inputs, maps: kept.append(maps))
    x = (torch.from_numpy(drawings).float() - 255) / 255
    sides = bundle.info.training.get("sides", [])
    with torch.no_grad():
        backbone.forward_features(Pyramid(sides)(x) if len(sides) > 1 else x)
    got = kept[0].numpy()
    for channels in (got, expected):  # the bias stands in the BatchNorm that follows
        channels -= channels.mean((0, 2, 3), keepdims=True)
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.97


def test_as_a_run_it_says_what_the_bundle_says(
    tmp_path: Path, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    bundle = write(tmp_path / "bundle", proto, "test_efficientnet", drawings)
    folder = as_run(bundle)
    assert as_run(bundle) == folder
    run = Run.open(folder)
    told = run.told()
    assert {k: told[k] for k in ("sources", "drawings", "patents", "steps", "loss")} == {
        "sources": ["here"], "drawings": 60, "patents": 30, "steps": 7, "loss": "supcon"
    }  # fmt: skip
    seen = run.seen()
    assert seen is not None
    assert seen.knows(drawings).all()


def test_a_name_leads_nowhere_and_nonsense_is_one_line(
    tmp_path: Path, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    bundle = write(tmp_path / "bundle", proto, "test_efficientnet", drawings)
    strange = msgspec.structs.replace(bundle.info, name="../../../away")
    write_info(bundle.folder, strange)
    folder = as_run(Bundle(bundle.folder))
    assert folder.parent == tmp_path / "cache" / "bundles"
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]
    nonsense = msgspec.structs.replace(bundle.info, name="other", training={"sources": 7})
    write_info(bundle.folder, nonsense)
    with pytest.raises(ExportError, match="makes no sense"):
        as_run(Bundle(bundle.folder))


def test_what_is_not_all_convolutions_is_refused(
    tmp_path: Path, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    bundle = write(tmp_path / "bundle", proto, "mobilevit_xxs", drawings)
    with pytest.raises(ExportError, match=r"has no layer|more than convolutions"):
        read_backbone(bundle)
    info = msgspec.structs.replace(bundle.info, backbone="no_such_network")
    write_info(bundle.folder, info)
    with pytest.raises(ExportError, match="cannot be read back: timm has no model"):
        read_backbone(Bundle(bundle.folder))
