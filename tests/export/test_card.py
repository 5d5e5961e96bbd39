import msgspec

from edgepatent_export.card import model_card
from edgepatent_export.certify import Certificate, Latency, Side
from edgepatent_runtime.bundle import Bundle


def test_card_says_what_the_bundle_knows() -> None:
    info = Bundle.starter().info
    assert info.certificate is not None
    certificate = msgspec.convert(info.certificate, Certificate)
    text = model_card(info, certificate, "## Provenance\n\nFrom here.")
    assert f"| space | `{info.space}` |" in text
    assert "From here." in text
    assert f"{certificate.fp32.levels['patent'].map:.4f}" in text
    words = " ".join(text.split())
    assert "Only the last linear layer was fitted" in words
    assert "comes from an earlier run: 13126 drawings" in words
    uses = "| `uspto-grants` | calibration, exam (held-out patents) | "
    assert text.count("`uspto-grants`") == text.count(uses) == 1
    for heading in (
        "Training",
        "Drawings",
        "Certificate: accepted",
        "Limits",
        "Licences",
        "How to cite",
    ):
        assert f"\n## {heading}" in text
    prose = [line for line in text.splitlines() if not line.startswith(("|", "-"))]
    assert max(map(len, prose)) <= 100


def test_terms_are_those_of_the_drawings_that_were_used() -> None:
    info = Bundle.starter().info
    earlier = {"sources": ["synthetic:seed=1"], "weights": "random",
               "licences": {"synthetic:seed=1": {"drawn here": 1}}}  # fmt: skip
    training = {"sources": ["icons=pictures", "plain"], "weights": "backbone", "earlier": earlier,
                "licences": {"icons=pictures": {"MIT": 1200, "CC-BY-4.0": 34},
                             "plain": {"not stated": 2}}}  # fmt: skip
    text = model_card(msgspec.structs.replace(info, training=training), None)
    assert "| `icons=pictures` | training | MIT (1,200); CC-BY-4.0 (34) |" in text
    assert "| `plain` | training | not stated |" in text
    assert "| `synthetic:seed=1` | training of the backbone | drawn here |" in text
    assert "They began at random" in text
    assert "USPTO" not in text
    assert "Apache-2.0 as timm" not in text


def test_a_card_says_whether_photographs_taught_the_model() -> None:
    info = Bundle.starter().info

    def card(*sources: str) -> str:
        earlier = [{"sources": list(sources), "drawings": 9, "patents": 3, "steps": 4}]
        training = {"sources": ["plain"], "drawings": 3, "patents": 1, "steps": 0}
        told = {**training, "earlier": earlier}
        return " ".join(model_card(msgspec.structs.replace(info, training=told), None).split())

    assert "photographs and coloured renderings are outside of what" in card("synthetic:seed=1")
    assert "of photographs it was trained on rendered ones alone" in card("meshes:m,photographs=1")


def test_a_card_says_at_which_sizes_the_network_looks() -> None:
    info = Bundle.starter().info
    looks = [
        model_card(msgspec.structs.replace(info, training={**info.training, "sides": sides}), None)
        for sides in ([320], [448, 224], [448, 256, 192])
    ]
    found = [" ".join(text.split()) for text in looks]
    assert "In the same pass" not in found[0]
    assert "In the same pass the network looks at it at 224 pixels as well." in found[1]
    assert "at 256 and 192 pixels as well." in found[2]


def test_a_mean_of_runs_names_the_drawings_of_each() -> None:
    info = Bundle.starter().info
    runs = [
        {"sources": [f"synthetic:seed={s}"], "drawings": 10 * s, "patents": s, "steps": 4,
         "loss": "supcon", "weights": "lite0.safetensors"}
        for s in (1, 2)
    ]  # fmt: skip
    training = {"sources": ["plain"], "drawings": 3, "patents": 1, "steps": 0, "earlier": runs}
    text = model_card(msgspec.structs.replace(info, training=training), None)
    words = " ".join(text.split())
    assert "is the mean of those of 2 earlier runs: 10 drawings of 1 designs" in words
    assert "20 drawings of 2 designs; 4 steps with the loss supcon" in words
    for s in (1, 2):
        assert f"| `synthetic:seed={s}` | training of the backbone | not recorded" in text
    assert "They began as `lite0.safetensors`" in words


def test_a_refusal_and_what_stayed_in_float_are_told() -> None:
    side = Side({}, Latency(2.0, 3.0), 1000)
    certificate = Certificate(
        fp32=side,
        int8=side,
        drop={},
        drop_interval={},
        neighbour_overlap_10=0.5,
        cosine_min=0.5,
        cosine_mean=0.6,
        speedup=1.0,
        accepted=False,
        max_drop=0.005,
        refused=["mAP at patent level drops by 9.00 points"],
        evaluation={"drawings": 4, "patents": 2, "sources": ["here"]},
        kept_float={"backbone.conv_stem": "alone it costs a cosine of 0.1000"},
    )
    text = model_card(Bundle.starter().info, certificate)
    assert "Certificate: refused: mAP at patent level drops by 9.00 points" in text
    assert "- `backbone.conv_stem`: alone it costs a cosine of 0.1000" in text
