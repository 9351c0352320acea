"""Runs on disk: bounded, whole after a crash, readable by the owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtui.core.errors import MeshtuiError
from meshtui.mesh.load.runlog import MOST_REQUESTS, MOST_RUNS, RunLog


def record(number: int, requests: int = 1) -> dict[str, object]:
    return {
        "from": {"cluster": "koornacht"},
        "summary": {"total": requests},
        "started": number,
        "requests": [{"number": n, "body": "x" * 5000} for n in range(requests)],
    }


def test_runs_outlive_the_log_and_old_ones_leave(tmp_path: Path) -> None:
    for number in range(MOST_RUNS + 120):
        RunLog(tmp_path / "state").append(record(number))
    kept = RunLog(tmp_path / "state").read()
    assert [run["started"] for run in kept] == list(range(120, MOST_RUNS + 120))
    path = tmp_path / "state" / "runs.jsonl"
    assert len(path.read_bytes().splitlines()) <= MOST_RUNS + 50
    assert path.stat().st_mode & 0o077 == 0


def test_a_long_run_is_kept_in_short(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(record(1, requests=MOST_REQUESTS + 5))
    (run,) = log.read()
    assert [request["number"] for request in run["requests"]] == list(range(5, MOST_REQUESTS + 5))
    assert len(run["requests"][0]["body"]) == 200
    assert run["summary"]["total"] == MOST_REQUESTS + 5


def test_lines_that_are_no_runs_are_left_out(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(record(1))
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write('{"cut o\n[]\n{"summary": 3, "from": {}}\n\xff\n')
    log.append(record(2))
    assert [run["started"] for run in log.read()] == [1, 2]


def test_without_a_place_nothing_is_kept_and_a_bad_place_is_told(tmp_path: Path) -> None:
    log = RunLog(None)
    log.append(record(1))
    assert log.read() == []
    (tmp_path / "file").write_text("")
    with pytest.raises(MeshtuiError, match="could not be kept"):
        RunLog(tmp_path / "file").append(record(1))
