"""Who is let in: only a client that names this server, comes from it and knows the secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Router
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from edgepatent.web.app import create_app
from edgepatent.web.desk import Desk
from edgepatent.web.routes.pages import MODULES
from edgepatent.web.security import Door, Gate

ROOT = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def desk(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk([index], tmp_path_factory.mktemp("matters"))
    yield desk
    desk.close()


@pytest.fixture
def door() -> Door:
    return Door("127.0.0.1", 8765)


@pytest.fixture
def stranger(desk: Desk, door: Door) -> TestClient:
    """A client that has shown nothing."""
    return TestClient(create_app(desk, door), base_url=ROOT, follow_redirects=False)


@pytest.fixture
def browser(stranger: TestClient, door: Door) -> TestClient:
    """A browser that was opened with the printed address."""
    assert stranger.get(f"/?token={door.token}").status_code == 303
    return stranger


def test_the_token_becomes_a_cookie_that_no_other_site_can_send(
    stranger: TestClient, door: Door
) -> None:
    answer = stranger.get(f"/?token={door.token}")
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert door.token not in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api", "/api/indexes", "/static/app.js", "/matters", "/x"])
def test_nothing_is_shown_without_the_secret(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "edgepatent serve has printed" in answer.text


@pytest.mark.parametrize("token", ["", "x", "ü", "a" * 32])
def test_a_wrong_token_opens_nothing(stranger: TestClient, token: str) -> None:
    assert stranger.get("/", params={"token": token}).status_code == 403
    header = {"authorization": b"Bearer " + token.encode()}
    assert stranger.get("/api/indexes", headers=header).status_code == 403


def test_a_program_shows_the_token_itself(stranger: TestClient, door: Door) -> None:
    header = {"authorization": f"Bearer {door.token}"}
    assert stranger.get("/api/indexes", headers=header).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example:8765", "evil.example", "127.0.0.1:80", "127.0.0.1", "", "a@127.0.0.1:8765"],
)
def test_another_name_is_refused(browser: TestClient, host: str) -> None:
    """DNS rebinding: a name of theirs that points here."""
    assert browser.get("/", headers={"host": host}).status_code == 421


def test_its_own_names_are_not(browser: TestClient, door: Door) -> None:
    for host in ("127.0.0.1:8765", "localhost:8765", "[::1]:8765"):
        headers = {"host": host, "authorization": f"Bearer {door.token}"}
        assert browser.get("/api", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8765"},
        {"origin": ROOT, "sec-fetch-site": "cross-site"},
        {"origin": ROOT, "sec-fetch-site": "same-site"},
        {},
    ],
)
def test_other_sites_change_nothing(
    browser: TestClient, desk: Desk, headers: dict[str, str]
) -> None:
    answer = browser.post("/api/matters", json={"name": "theirs"}, headers=headers)
    assert answer.status_code == 403
    assert not (desk.matters / "theirs").exists()


def test_other_sites_read_nothing(browser: TestClient) -> None:
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert browser.get("/api/indexes", headers=headers).status_code == 403
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert browser.get("/api/indexes", headers=link).status_code == 403
    assert browser.get("/", headers=link).status_code == 200


def test_the_page_itself_may(browser: TestClient, desk: Desk) -> None:
    ours = {"origin": ROOT, "sec-fetch-site": "same-origin"}
    answer = browser.post("/api/matters", json={"name": "ours"}, headers=ours)
    assert answer.status_code == 200, answer.text
    assert (desk.matters / "ours" / "matter.json").is_file()


def test_every_answer_is_marked(browser: TestClient) -> None:
    for path in ("/", "/api/indexes", "/static/app.js", "/nowhere"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert browser.get("/api/indexes").headers["cache-control"] == "no-store"


def test_nothing_in_the_page_is_inline(browser: TestClient) -> None:
    text = browser.get("/").text
    for inline in ("<style", " style=", " onclick", "javascript:"):
        assert inline not in text
    assert text.count("<script") == text.count('<script type="module" src="/static/') == 1


def test_the_first_paint_is_light(browser: TestClient) -> None:
    parts = ["/", "/static/page.css", "/static/app.js", *(f"/static/{one}" for one in MODULES)]
    assert sum(len(browser.get(part).content) for part in parts) < 60_000


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH", "PROPFIND"])
def test_other_methods_are_refused(browser: TestClient, method: str) -> None:
    assert browser.request(method, "/api/indexes").status_code == 405


def test_away_from_this_machine_numbers_pass_but_names_do_not() -> None:
    door = Door("0.0.0.0", 8765)
    assert not door.loopback
    assert door.is_ours("192.168.1.20:8765")
    assert not door.is_ours("evil.example:8765")
    assert not Door("127.0.0.1", 8765).is_ours("192.168.1.20:8765")


def test_an_error_is_logged_without_a_word_of_what_was_asked(door: Door) -> None:
    lines: list[str] = []

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the client's secret invention")

    client = TestClient(Gate(broken, door, lines.append), base_url=ROOT)
    answer = client.get("/api/x", headers={"authorization": f"Bearer {door.token}"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert len(lines) == 1
    assert "RuntimeError in broken" in lines[0]
    assert "secret" not in lines[0]


def test_web_sockets_are_closed(door: Door) -> None:
    client = TestClient(Gate(Router(), door), base_url=ROOT)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


def test_a_policy_of_its_own_is_kept(door: Door) -> None:
    answer = PlainTextResponse("report", headers={"content-security-policy": "x"})
    client = TestClient(Gate(answer, door), base_url=ROOT)
    got = client.get("/report", headers={"authorization": f"Bearer {door.token}"})
    assert got.headers.get_list("content-security-policy") == ["x"]
