import pytest

from edgepatent_runtime.parties import folded


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NIKE, Inc.", "nike inc"),
        ("Nike  Inc", "nike inc"),
        ("Söhne & Co. KG", "sohne co kg"),
        ("L'Oréal", "loreal"),
        ("ASTRA_ZENECA", "astra zeneca"),
        ("日本電気", "日本電気"),
        ("...", ""),
    ],
)
def test_what_people_would_take_for_the_same(name: str, key: str) -> None:
    assert folded(name) == key
