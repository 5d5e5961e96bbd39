from edgepatent_runtime.record import ImageRef, Record
from edgepatent_train.split import families, held_out


def grant(number: int, title: str | None) -> Record:
    return Record(ImageRef(f"{number}.png"), f"USD{number:07d}", title=title)


def test_neighbours_of_one_title_are_siblings() -> None:
    records = [
        grant(911448, "Wheel"),
        grant(911449, "Front wheel"),
        grant(911451, "WHEEL"),
        grant(911460, "Wheel"),
        grant(911450, "Shoe for a wheel in motion"),
        grant(911470, None),
        grant(911471, None),
        Record(ImageRef("x.png"), "chair-1", title="Wheel"),
    ]
    found = {tuple(family) for family in families(records)}
    assert ("USD0911448", "USD0911449", "USD0911451") in found
    assert ("USD0911460",) in found
    assert ("USD0911470",) in found
    assert ("chair-1",) in found
    assert len(found) == 6


def test_siblings_are_held_out_together_and_seeds_choose() -> None:
    records = [grant(900000 + 10 * i + j, f"thing {i}") for i in range(40) for j in range(2)]
    chosen = [held_out(records, 0.25, seed) for seed in range(3)]
    assert len({frozenset(c) for c in chosen}) == 3
    for patents in chosen:
        assert len(patents) == 20
        for i in range(40):
            pair = {f"USD{900000 + 10 * i + j:07d}" for j in range(2)}
            assert len(pair & patents) in (0, 2)
    assert held_out(records, 0.0, 0) == set()
    assert held_out(records[::-1], 0.25, 0) == chosen[0]
