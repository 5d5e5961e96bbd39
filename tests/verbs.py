"""What people do with an index, by the command line and by the page: as JSON that compares."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import Finished, in_here, surroundings
from questions import bare
from stored import draw_patents

PATENTS, VIEWS = 12, 3
QUERY = "P0003"


def draw_described(folder: Path, patents: int = PATENTS, first: int = 0) -> None:
    """Drawings of patents with classes, titles, dates and owners."""
    draw_patents(folder, first + patents, VIEWS)
    lines = ["file_name,patent_id,locarno,title,date,figure,applicant,country"]
    for number in range(first + patents):
        for view in range(VIEWS):
            name = f"P{number:04d}/view{view}.png"
            if number < first:
                (folder / name).unlink()
            else:
                lines.append(
                    f"{name},P{number:04d},0{number % 3 + 6}-01,Stool number {number},"
                    f"{2000 + number}-05-01,{view + 1},{'Acme' if number % 2 else 'Lamp GmbH'},DE"
                )
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


class Desk:
    """Somebody's command line, and what they keep, in ``home``."""

    def __init__(self, address: str, home: Path) -> None:
        self.address, self.home = address, home
        home.mkdir()
        self.environment = {
            **surroundings(home),
            "EDGEPATENT_WATCHES": str(home / "watches"),
            "EDGEPATENT_MATTERS": str(home / "matters"),
        }

    def run(self, *arguments: object) -> Finished:
        """The command line, whatever comes of it."""
        return in_here([str(one) for one in arguments], self.environment)

    def says(self, *arguments: object) -> Any:
        """The JSON that a verb prints; it must go well."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return bare(json.loads(done.stdout))

    def does(self, *arguments: object) -> None:
        """A verb that must go well."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr

    def refuses(self, *arguments: object) -> str:
        """The one line with which a verb ends."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        (line,) = done.stderr.splitlines()
        return line


def asked(desk: Desk, drawings: Path) -> dict[str, Any]:
    """What the verbs that ask say of the index over `draw_described`."""
    home, of = desk.home, ("--index", desk.address)
    query = drawings / QUERY / "view1.png"
    matter, record = home / "matters" / "case", home / "filed.json"
    told: dict[str, Any] = {
        "search": desk.says("search", query, *of, "--matter", matter, "--record", record),
        "filtered": desk.says("search", query, *of, "--locarno", "06-01", "--before", "2009-01-01"),
        "like": desk.says("search", "--like", "P0005", *of),
        "classify": desk.says("classify", query, *of),
        "replay": desk.says("replay", record)["same"],
        "replay at": desk.says("replay", record, *of)["same"],
        "info": {
            name: value
            for name, value in desk.says("index", "info", *of).items()
            if name in ("drawings", "patents", "dimensions", "space", "model")
        },
    }
    # Each shard ranks words by its own frequencies.
    words = desk.says("search", "--text", "stools", "--top", 99, *of)
    told["words"] = sorted(hit["patent_id"] for hit in words["hits"])
    desk.does("batch", drawings / QUERY, "--out", home / "batch", "--html", *of)
    told["batch"] = {
        path.name: bare(json.loads(path.read_text())) for path in (home / "batch").glob("*.json")
    }
    told["pictures"] = len(re.findall("data:image/png", (home / "batch/index.html").read_text()))
    desk.does("matter", "rate", matter, "P0003", "P0005", "--as", "relevant")
    desk.does("matter", "rate", matter, "P0004", "--as", "noise")
    desk.does("matter", "report", matter, "--html", home / "report.html")
    told["report"] = len(re.findall("data:image/png", (home / "report.html").read_text()))
    desk.does("matter", "export", matter, "--csv", home / "designs.csv")
    with (home / "designs.csv").open(encoding="utf-8-sig") as file:
        told["designs"] = [{**row, "path": "", "changed": ""} for row in csv.DictReader(file)]
    hidden = desk.says("search", query, *of, "--matter", matter)["hits"]
    told["without noise"] = [hit["patent_id"] for hit in hidden]
    return told


@contextmanager
def page(address: str, matters: Path) -> Iterator[Any]:
    """The page over an index, as a client that has its token."""
    testclient = pytest.importorskip("starlette.testclient", reason="edgepatent[web] is absent")
    from edgepatent.web.app import create_app
    from edgepatent.web.desk import Desk as Opened
    from edgepatent.web.security import Door

    door = Door("127.0.0.1", 8765)
    with closing(Opened([address], matters)) as desk:
        yield testclient.TestClient(
            create_app(desk, door),
            base_url="http://127.0.0.1:8765",
            headers={"authorization": f"Bearer {door.token}"},
            client=("127.0.0.1", 50000),
        )


def shown(address: str, matters: Path, drawings: Path) -> dict[str, Any]:
    """What the page shows of the index over `draw_described`."""
    with page(address, matters) as client:

        def get(path: str, **parameters: str) -> Any:
            answer = client.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            return answer.json()

        sent = client.post("/api/images", content=(drawings / QUERY / "view1.png").read_bytes())
        image = sent.json()["id"]
        found = get("/api/search", image=image)
        (index,) = get("/api/indexes")["indexes"]
        design = get("/api/designs/P0005")
        row = design["drawings"][1]["row"]
        small = client.get(f"/api/drawings/0/P0005/{row}.png?side=64")
        assert small.headers["content-type"] == "image/png"
        assert client.get(f"/api/drawings/0/P0004/{row}.png?side=64").status_code == 404
        assert client.post("/api/matters", json={"name": "case"}).status_code == 200
        rated = client.put("/api/matters/case/decisions/P0005", json={"rating": "relevant"})
        assert rated.status_code == 200, rated.text
        assert client.post(f"/api/matters/case/searches?image={image}").status_code == 200
        report = client.get("/matters/case/report")
        return {
            "search": bare(found),
            "facets": bare(get("/api/facets", image=image)),
            "classify": bare(get("/api/classify", image=image)),
            "index": [index["patents"], index["drawings"], index["model"]],
            "design": bare(design),
            "thumbnail": small.content,
            "large": client.get(f"/api/drawings/0/P0005/{row}.png?side=600").content,
            "match": bare(get(f"/api/match/0/P0005/{row}", image=image)),
            "kept": len(get("/api/matters/case")["searches"]),
            "table": client.get("/api/matters/case/designs.csv").text.count("P0005,relevant"),
            "report": report.text.count("data:image/png"),
        }
