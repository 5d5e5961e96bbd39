"""Do titles teach kin? What 5,092 titles of 2021 say of drawings of 2007, and of new words.

    python benchmarks/kin_words.py report --work DIR [--out benchmarks/kin_words.md]

A title is a bag of hashed words, pairs of words and groups of three and four letters. A ridge on
the titles of `uspto-titles` maps it to their US classes: a space in which every title has a place.
Three tables: how well that space tells kin by itself; the ridge of `kin.py` with it among what the
drawings of the other folds teach; and words → drawings, a map from titles to the kin part of their
drawings, learned on the other folds: of how many held-out drawings the own title (or that of a
sibling) finds the drawing among the first ten of its fold, and of what class those ten are. Needs
what `kin.py run` leaves in DIR.
"""

import csv
import re
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from cells import Floats, command_line, unit
from kin import HEAD, KIN, PATENTS, KinBench, Mask
from starter import applied
from torch import nn

from edgepatent_train.ridge import fit_ridge, one_hot, standardising

Doubles = npt.NDArray[np.float64]
BINS = 8192
EVERY = ("image", "title", "labels")


def grams(title: str) -> set[str]:
    """What a title is taken to be."""
    words = re.findall(r"[a-z]+", title.lower())
    framed = [f"<{word}>" for word in words]
    letters = [w[i : i + n] for w in framed for n in (3, 4) for i in range(len(w) - n + 1)]
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    return {*words, *pairs, *(f"c{x}" for x in letters)}


def bags(titles: list[str]) -> Doubles:
    """Titles → [N, BINS], 1 where something of them is."""
    x = np.zeros((len(titles), BINS))
    for row, title in enumerate(titles):
        x[row, [zlib.crc32(gram.encode()) % BINS for gram in grams(title)]] = 1
    return x


def ridge(x: Doubles, y: Doubles, strength: float = 1.0) -> Doubles:
    """The map [C, T] from x [N, C] to y [N, T], N < C."""
    gram = x @ x.T
    gram[np.diag_indices_from(gram)] += strength * np.trace(gram) / len(gram)
    found: Doubles = x.T @ np.linalg.solve(gram, y)
    return found


class Titles:
    """The space that titles of 2021 span: their US classes, as a ridge tells them."""

    def __init__(self, file: Path) -> None:
        with file.open(encoding="utf-8", newline="") as rows:
            known = [
                (r["title"], r["uspc_d"].split(",")[0][1:3].strip()) for r in csv.DictReader(rows)
            ]
        x = bags([title for title, _ in known])
        often = x.sum(0)
        self.rarity = np.where(often > 0, np.log((1 + len(x)) / (1 + often)), 0)
        klass = np.unique([k for _, k in known], return_inverse=True)[1]
        self.map = ridge(self.weighed(x), one_hot(klass).astype(np.float64))

    def weighed(self, x: Doubles) -> Doubles:
        """Bags [N, BINS] at unit length, rare things counting more."""
        return unit((x * self.rarity).astype(np.float32)).astype(np.float64)

    def features(self, titles: list[str]) -> tuple[Doubles, Doubles]:
        """Weighed bags [N, BINS] and centred class scores [N, classes]."""
        x = self.weighed(bags(titles))
        return x, x @ self.map


class WordsBench(KinBench):
    """Drawings of 2007 and their titles."""

    def open(self) -> None:
        """Read what is known of the patents, and place their titles."""
        super().open()
        titles = Titles(self.shared / "data" / "uspto-titles" / "titles_2021.csv")
        self.bags, self.scores = titles.features([r.title or "" for r in self.records(PATENTS)])
        self.space = unit((self.scores - self.scores.mean(0)).astype(np.float32))

    def part(self, x: Floats, taught: Mask, weight: float) -> Floats:
        """The kin part of all patents, the titles' space being one block of its targets."""
        blocks = self.blocks(taught, EVERY)
        if weight:
            blocks.append((np.float32(weight) * self.space[taught], np.ones(taught.sum(), bool)))
        head = nn.Linear(x.shape[1], KIN)
        fit_ridge(head, x[taught], blocks, HEAD.kin.ridge, standardising(x[taught]))
        return applied(head, x)

    def taught(self) -> list[str]:
        """The titles' space among the targets."""
        lines = ["| network | titles' space × | kin |", "|---|---|---|"]
        for name in self.networks():
            x = self.found(name)[PATENTS]
            for weight in (0.0, 0.5, 1.0, 2.0):
                kin = self.kin_scores(lambda f, w=weight, x=x: self.part(x, ~self.tests[f], w))
                lines.append(f"| {name} | {weight} | {kin} |")
        return lines

    def asked(self) -> list[str]:
        """Words → drawings."""
        told = {
            "words and letters": self.bags,
            "class scores": self.scores,
            "both": np.hstack([self.bags, self.scores]),
            "CLIP's vectors of the titles": np.nan_to_num(self.told["title"]).astype(np.float64),
        }
        lines = ["| network | titles as | own drawing in 10 | class in 10 | first of the class |"]
        lines.append("|---|---|---|---|---|")
        for name in self.networks():
            x = self.found(name)[PATENTS]
            parts = [self.part(x, ~test, 0.0) for test in self.tests]
            for kind, titles in told.items():
                found = np.concatenate(
                    [self.answers(titles, z, t) for z, t in zip(parts, self.tests, strict=True)]
                )
                shares = np.nanmean(found, 0)
                lines.append(
                    f"| {name} | {kind} | " + " | ".join(f"{s:.3f}" for s in shares) + " |"
                )
        return lines

    def answers(self, titles: Doubles, z: Floats, test: Mask) -> Doubles:
        """Of each drawing [N, 3] of a fold: found by its title, the share of its class among ten
        others, whether the first other is of its class; NaN where no other drawing has its class.
        """
        middle, centre = titles[~test].mean(0), z[~test].mean(0)
        way = ridge(titles[~test] - middle, (z[~test] - centre).astype(np.float64))
        asked = unit(((titles[test] - middle) @ way).astype(np.float32))
        similar = asked @ unit(z[test] - centre).T
        rank = (similar > np.diag(similar)[:, None]).sum(1)
        np.fill_diagonal(similar, -np.inf)
        klass = self.klass[test]
        order = np.argsort(-similar, 1)[:, :10]
        mates = (klass[order] == klass[:, None]).astype(np.float64)
        mates[(klass < 0) | ((klass[:, None] == klass).sum(1) < 2)] = np.nan
        return np.column_stack([rank < 10, mates.mean(1), mates[:, 0]])

    def tables(self) -> str:
        """Everything as Markdown."""
        self.open()
        text = HEADER.format(self.kin_scores(lambda f: self.space))
        parts = (
            ("Titles among what drawings are taught", self.taught),
            ("Words → drawings", self.asked),
        )
        for title, rows in parts:
            text += f"\n## {title}\n\n" + "\n".join(rows()) + "\n"
        return text


HEADER = """# Kin: what titles teach

Made by `python benchmarks/kin_words.py report`, whose head says what is what; `kin.md` says what
follows. Kin as everywhere there: class mAP / class R@1 / subclass mAP over four folds. The space of
the titles by itself has {}.
"""


def main() -> None:
    options = command_line(__file__, __doc__, ["report"]).parse_args()
    torch.set_num_threads(1)
    options.out.write_text(WordsBench(options.work, options.shared).tables(), "utf-8")


if __name__ == "__main__":
    main()
