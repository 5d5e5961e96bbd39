"""What bench --compare measures, recommends and saves."""

import json
import shutil
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from bundles import with_floats

from edgepatent import spent as spent_module
from edgepatent import trial
from edgepatent.spent import spent
from edgepatent.trial import Row
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.device import Setting


def row(format: str, threads: int, batch: int, ms: float, **more: object) -> Row:
    """A way that took ``ms``, by the right kernels, and computes as it should."""
    fields = {"kernels": "right", "cosine": 1.0, **more}
    return Row(format=format, megabytes=1.0, threads=threads, batch=batch, ms=ms, **fields)  # type: ignore[arg-type]


def test_the_quickest_format_is_recommended() -> None:
    rows = [
        row("int8", 1, 1, 20),
        row("fp32", 1, 1, 15),
        row("fp32", 4, 1, 6),
        row("int8", 4, 1, 9),
    ]
    assert trial.recommended(rows) == Setting("fp32", 4, 4, 1)


def test_more_threads_and_larger_batches_have_to_earn_their_place() -> None:
    rows = [
        row("int8", 1, 1, 10.5), row("int8", 2, 1, 10), row("int8", 1, 8, 9.9),
        row("int8", 2, 8, 5.2), row("int8", 2, 16, 5),
    ]  # fmt: skip
    assert trial.recommended(rows) == Setting("int8", 1, 2, 8)


def test_what_computes_otherwise_than_the_golden_drawings_is_not_taken() -> None:
    rows = [
        row("int8", 1, 1, 5, cosine=0.7),
        row("int8", 1, 1, 4, kernels="fast"),
        row("fp32", 1, 1, 20),
    ]
    assert trial.recommended(rows).precision == "fp32"


def test_the_two_formats_of_an_index_are_never_mixed() -> None:
    # Adding by the other format would be quicker still.
    rows = [row("int8", 1, 1, 5), row("int8", 1, 8, 5), row("fp32", 1, 1, 6), row("fp32", 1, 8, 2)]
    assert trial.recommended(rows).precision == "int8"


def test_every_format_is_timed_and_compared_with_the_golden_drawings(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    bundle = with_floats(Path(shutil.copytree(tiny_bundle.folder, tmp_path / "both")))
    rows = trial.run(bundle, 5)
    assert {row.format for row in rows} == {"int8", "fp32"}
    assert {row.kernels for row in rows if row.format == "fp32"} == {"right"}
    assert len({row.kernels for row in rows if row.format == "int8"}) == 2
    right = [row for row in rows if row.kernels == "right" and row.format == "fp32"]
    assert {(row.threads, row.batch) for row in right} == {
        (threads, batch) for threads in trial.threads_to_try() for batch in trial.BATCHES
    }
    assert all(row.ms > 0 and row.cosine > 0.999 for row in rows)


def test_bench_compares_saves_and_what_is_saved_is_obeyed(edgepatent, tiny_bundle, tmp_path):
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    bench = ("bench", "--compare", "--save", "--runs", 5, "--model", tiny_bundle.folder)
    done = edgepatent(*bench, "--index", tmp_path / "none", "--json", **config)
    told = json.loads(done.stdout)
    assert told["formats"]
    assert [one["what"].split(",")[0] for one in told["commands"]] == [
        "index add of 64 drawings", "search",
    ]  # fmt: skip
    assert all(one["megabytes"] > 20 for one in told["commands"])
    assert Path(told["saved"]) == tmp_path / "config" / "edgepatent" / "device.json"
    chosen = told["recommended"]
    doctor = edgepatent("doctor", "--model", tiny_bundle.folder, status=None, **config)
    (line,) = [one for one in doctor.stdout.splitlines() if one.split()[1:2] == ["setting"]]
    assert f"{chosen['precision']}, {chosen['threads']} threads for a search" in line


def test_saving_goes_with_comparing(edgepatent):
    done = edgepatent("bench", "--save", status=2)
    assert "--save goes with --compare" in done.stderr


def test_a_command_that_fails_says_so() -> None:
    assert spent(["--version"]).seconds > 0
    with pytest.raises(CalledProcessError) as failure:
        spent(["no-such-verb"])
    assert failure.value.returncode == 2


def test_memory_is_summed_over_processes_each_at_its_peak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spent_module, "PROC", tmp_path)
    # The last of them has not begun with its own program: its memory is that of the first.
    for pid, children, peak, command in (
        (7, "8 9 10", 100, "add"), (8, "", 20, "read"), (9, "", 3, "read"), (10, "", 100, "add")
    ):  # fmt: skip
        (tmp_path / f"{pid}/task/{pid}").mkdir(parents=True)
        (tmp_path / f"{pid}/task/{pid}/children").write_text(children)
        (tmp_path / f"{pid}/cmdline").write_text(command)
        (tmp_path / f"{pid}/status").write_text(f"Name:\tx\nVmHWM:\t  {peak} kB\n")
    peaks: dict[int, int] = {}
    spent_module.look(7, peaks)
    shutil.rmtree(tmp_path / "8")
    (tmp_path / "7/status").write_text("Name:\tx\nVmHWM:\t  110 kB\n")
    spent_module.look(7, peaks)
    assert peaks == {7: 110 * 1024, 8: 20 * 1024, 9: 3 * 1024}
