import msgspec
import numpy as np
import onnx
import pytest

from edgepatent_export.certify import (
    Certificate,
    Exam,
    as_stored,
    certify,
    drawings_to_decide,
    embed,
    interleaved_latency,
    neighbour_overlap,
)
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.record import ImageRef, Record


@pytest.fixture(scope="module")
def exam(drawings: Drawings) -> Exam:
    """The 60 drawings as 30 patents of 3 subclasses in 2 classes."""
    records = [
        Record(ImageRef(str(i)), f"P{i // 2}", klass=f"{i // 2 % 2}", subclass=f"{i // 2 % 3}")
        for i in range(len(drawings))
    ]
    return Exam(drawings, records, ["synthetic"])


def certificate(fp32: bytes, int8: bytes, exam: Exam, max_drop: float = 0.005) -> Certificate:
    return certify(fp32, int8, exam, max_drop=max_drop, fp32_embeddings=embed(fp32, exam.drawings))


def broken(proto: onnx.ModelProto) -> bytes:
    """The same network with a random head."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    head = next(node for node in copy.graph.node if node.name == "head")
    value = next(v for v in copy.graph.initializer if v.name == head.input[1])
    shape = onnx.numpy_helper.to_array(value).shape
    random = np.zeros(shape, np.float32)
    random[0] = 1
    value.CopyFrom(onnx.numpy_helper.from_array(random, value.name))
    return copy.SerializeToString()


def test_a_model_beside_itself_loses_nothing(proto: onnx.ModelProto, exam: Exam) -> None:
    model = proto.SerializeToString()
    given = certificate(model, model, exam)
    assert set(given.drop) == {"patent", "subclass", "class"}
    assert all(value == 0 for value in given.drop.values())
    assert all(interval == (0, 0) for interval in given.drop_interval.values())
    assert given.neighbour_overlap_10 == 1
    assert given.cosine_min == pytest.approx(1, abs=1e-5)
    assert given.fp32.bytes == given.int8.bytes == len(model)
    assert 0.5 < given.speedup < 2
    assert given.fp32.latency_ms.median <= given.fp32.latency_ms.p95
    assert given.accepted == (not given.refused)


def test_a_broken_model_is_refused_with_numbers(proto: onnx.ModelProto, exam: Exam) -> None:
    given = certificate(proto.SerializeToString(), broken(proto), exam)
    assert not given.accepted
    assert given.drop["patent"] > 0.05
    low, high = given.drop_interval["patent"]
    assert low <= given.drop["patent"] <= high
    assert any("mAP at patent level drops by" in reason for reason in given.refused)
    assert given.cosine_min < 0.9


def test_a_drop_that_may_be_chance_is_told_not_refused(
    proto: onnx.ModelProto, exam: Exam, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgepatent_runtime import metrics

    monkeypatch.setattr(metrics, "paired_interval", lambda *scores, level: (-0.05, 0.5))
    given = certificate(proto.SerializeToString(), broken(proto), exam)
    assert not any("mAP" in reason for reason in given.refused)
    drop = given.drop["patent"]
    told = next(line for line in given.undecided if "patent" in line)
    assert f"{100 * drop:.2f} points (95 % interval -5.00 to 50.00)" in told
    assert "more drawings would tell" in told
    monkeypatch.setattr(metrics, "paired_interval", lambda *scores, level: (0.001, 0.5))
    given = certificate(proto.SerializeToString(), broken(proto), exam)
    assert not given.accepted
    assert not given.undecided


def test_so_many_more_drawings_bring_the_interval_above_0() -> None:
    drop, reach, drawings = 0.02, 0.05, 400
    more = drawings_to_decide(drop, reach, drawings)
    assert reach * np.sqrt(drawings / (drawings + more)) <= drop + 1e-12
    assert reach * np.sqrt(drawings / (drawings + 0.9 * more)) > drop
    assert drawings_to_decide(0.02, 0.02, 400) == 1


def test_scores_are_those_of_int8_rows(proto: onnx.ModelProto, exam: Exam) -> None:
    from edgepatent_runtime import metrics

    model = proto.SerializeToString()
    labels = ([r.patent_id for r in exam.records], [r.subclass for r in exam.records],
              [r.klass for r in exam.records])  # fmt: skip
    expected = metrics.evaluate(as_stored(embed(model, exam.drawings)), *labels)
    given = certificate(model, model, exam)
    assert given.fp32.levels["patent"].map == expected.levels["patent"].map


def test_certificate_has_the_promised_names(proto: onnx.ModelProto, exam: Exam) -> None:
    model = proto.SerializeToString()
    document = msgspec.to_builtins(certificate(model, model, exam))
    promised = {"fp32", "int8", "drop", "drop_interval", "neighbour_overlap@10", "cosine_min",
                "speedup", "accepted"}  # fmt: skip
    assert promised <= set(document)
    assert {"levels", "latency_ms", "bytes"} == set(document["int8"])
    assert {"mAP", "recall@1"} <= set(document["int8"]["levels"]["patent"])


def test_neighbour_overlap_against_sets() -> None:
    random = np.random.default_rng(0)
    a = random.normal(size=(40, 8)).astype(np.float32)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b = a + 0.3 * random.normal(size=a.shape).astype(np.float32)
    b /= np.linalg.norm(b, axis=1, keepdims=True)

    def near(x: np.ndarray, i: int) -> set[int]:
        scores = x @ x[i]
        scores[i] = -np.inf
        return set(np.argsort(-scores)[:10])

    expected = np.mean([len(near(a, i) & near(b, i)) / 10 for i in range(40)])
    assert neighbour_overlap(a, b) == pytest.approx(expected)


def test_stored_vectors_keep_their_length() -> None:
    x = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    stored = as_stored(x)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-5)
    assert (stored * x).sum(1).min() > 0.999


def test_latency_is_measured_for_each_model(proto: onnx.ModelProto, drawings: Drawings) -> None:
    model = proto.SerializeToString()
    found = interleaved_latency([model, model], drawings[:1], rounds=5)
    assert len(found) == 2
    assert all(0 < latency.median <= latency.p95 for latency in found)
