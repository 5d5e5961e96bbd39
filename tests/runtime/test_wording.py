"""The text side of a model: read, placed, and refused where it is damaged."""

import io
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from bundles import write_tiny_bundle
from wordings import THINGS, centres, fitted, taught

from edgepatent_runtime.bundle import WORDS, Bundle, write_info
from edgepatent_runtime.errors import BundleError, InputError
from edgepatent_runtime.wording import BINS, SURE, Wording, bags

D = 16


@pytest.fixture(scope="module")
def wording() -> Wording:
    return fitted(D)


def naive(wording: Wording, text: str) -> np.ndarray:
    """The map, one part of the text after the other."""
    words = re.findall("[a-z]+", text.lower())
    parts = set(words) | {f"{words[i]} {words[i + 1]}" for i in range(len(words) - 1)}
    for word in words:
        framed = f"<{word}>"
        for start in range(len(framed)):
            for end in (start + 3, start + 4):
                if end <= len(framed):
                    parts.add(f"c{framed[start:end]}")
    bins = {zlib.crc32(part.encode()) % BINS for part in parts}
    length = np.sqrt(sum(float(wording.rarity[b]) ** 2 for b in bins))
    found = -wording.offset.astype(np.float64)
    for b in bins:
        weight = float(wording.rarity[b]) / length
        for r, axis in enumerate(wording.axes):
            found = found + weight * int(wording.codes[b, r]) * axis
    return found


@pytest.mark.parametrize("text", ["Folding chair", "portable kettles, garden", "a shoe"])
def test_a_text_is_placed_as_by_hand(wording: Wording, text: str) -> None:
    wanted = naive(wording, text)
    found = wording.place(text).direction
    assert found is not None
    assert np.allclose(found, wanted / np.linalg.norm(wanted), atol=1e-5)
    assert np.isclose(np.linalg.norm(found), 1)


def test_words_lie_where_their_drawings_do(wording: Wording) -> None:
    for place, thing in enumerate(THINGS):
        for text in (thing, f"Blue {thing}s", f"{thing} OR {thing}"):
            direction = wording.place(text).direction
            assert direction is not None
            assert int(np.argmax(centres(D) @ direction)) == place, text


def test_words_that_no_title_had_are_named_and_alone_lead_nowhere(wording: Wording) -> None:
    assert wording.place("quarzy") == (None, ["quarzy"])
    assert wording.place("") == (None, [])
    some = wording.place("quarzy chairs OR a xi")
    assert some.unknown == ["quarzy"]
    assert some.direction is not None


def test_sure_is_a_share_of_what_titles_have(wording: Wording) -> None:
    length = np.linalg.norm(naive(wording, "chair"))
    changed = vars(wording) | {"usual": np.float32(length / SURE * 1.01)}
    assert Wording(**changed).place("chair").direction is None
    changed = vars(wording) | {"usual": np.float32(length / SURE * 0.99)}
    assert Wording(**changed).place("chair").direction is not None


def test_it_comes_back_as_it_was_written(wording: Wording) -> None:
    again = Wording.from_bytes(wording.to_bytes(), D)
    for name, value in vars(wording).items():
        assert np.array_equal(getattr(again, name), value), name
    assert again.to_bytes() == wording.to_bytes()


def test_a_bag_holds_a_part_once() -> None:
    assert bags(["chair chair", "Chair chair"]).max() == 1
    assert np.array_equal(*bags(["Chair!", "chair"])[:, None])


def broken(wording: Wording) -> dict[str, bytes]:
    def other(**changed: object) -> bytes:
        out = io.BytesIO()
        np.savez(out, **{**vars(wording), **changed})
        return out.getvalue()

    kept = wording.codes.shape[1]
    lacking = io.BytesIO()
    np.savez(lacking, codes=wording.codes)
    return {
        "nothing": b"",
        "cut short": wording.to_bytes()[:-40],
        "without most": lacking.getvalue(),
        "of floats": other(codes=wording.codes.astype(np.float32)),
        "of another shape": other(codes=wording.codes[:-1]),
        "of other axes": other(axes=np.zeros((kept, D + 1), np.float32)),
        "without numbers": other(offset=np.full(D, np.nan, np.float32)),
        "of no length": other(usual=np.float32(0)),
        "of nothing": other(codes=np.zeros((0, kept), np.int8), rarity=np.zeros(0, np.float16)),
        "of one dimension": other(codes=np.zeros(BINS, np.int8)),
        "of everything": other(known=np.zeros(1 << 25, np.uint32)),
        "of objects": other(known=np.array([object()])),
    }


def test_damage_is_one_line(wording: Wording) -> None:
    for name, data in broken(wording).items():
        with pytest.raises(InputError, match="text side of the model is damaged") as error:
            Wording.from_bytes(data, D)
        assert len(str(error.value).splitlines()) == 1, name


def test_a_bundle_reads_its_own_and_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "model")
    assert bundle.wording is None
    learned = taught(bundle)
    assert learned.info.space == bundle.info.space
    assert learned.wording is not None
    learned.verify()
    (bundle.folder / WORDS).write_bytes(b"other")
    with pytest.raises(BundleError, match="is damaged"):
        assert Bundle(bundle.folder).wording
    write_info(bundle.folder, bundle.info)
    with pytest.raises(BundleError, match="copy the bundle again"):
        assert Bundle(bundle.folder).wording
