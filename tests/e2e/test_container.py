"""What the Containerfile promises, as far as it can be read; ``make test-image`` runs the image."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, comments gone and lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, said.strip()) for name, _, said in (one.partition(" ") for one in lines if one)]


def last_stage() -> list[tuple[str, str]]:
    """What is left in the image."""
    found = instructions()
    starts = [at for at, (name, _) in enumerate(found) if name == "FROM"]
    return found[starts[-1] :]


def test_it_runs_as_a_user_without_rights() -> None:
    users = [said for name, said in last_stage() if name == "USER"]
    # A number: an orchestrator that refuses root cannot look a name up.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_nothing_is_fetched_but_the_packages_of_debian() -> None:
    names = {name for name, _ in instructions()}
    assert "ADD" not in names
    ran = " ".join(said for name, said in instructions() if name == "RUN")
    assert not re.search(r"\b(curl|wget|git|https?:|pip install|gcc|g\+\+)", ran)
    assert all("${BASE}" in said for name, said in instructions() if name == "FROM")


def test_only_install_sh_installs_and_only_its_result_is_kept() -> None:
    installs = [said for name, said in instructions() if "install.sh" in said]
    assert len(installs) == 1
    assert "--mount=type=bind,target=/offline" in installs[0]
    copies = [said for name, said in last_stage() if name == "COPY"]
    assert copies == ["--from=program /opt/edgepatent /opt/edgepatent"]


def test_the_index_is_a_volume_and_the_command_the_entry() -> None:
    told = dict(last_stage())
    assert told["VOLUME"] == "/index"
    assert "EDGEPATENT_INDEX=/index" in told["ENV"]
    assert told["ENTRYPOINT"] == '["/opt/edgepatent/now/bin/edgepatent"]'


def test_the_quadlet_has_no_network_and_a_read_only_root() -> None:
    quadlet = configparser.ConfigParser(strict=False, interpolation=None)
    quadlet.read(ROOT / "recipes/containers/edgepatent-scans.container")
    told = quadlet["Container"]
    assert (told["Network"], told["ReadOnly"], told["DropCapability"]) == ("none", "true", "all")
