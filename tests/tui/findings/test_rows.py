"""A finding on the screen: since when, what it means, what works, what it follows from, and the command."""

from __future__ import annotations

from meshtui.core.findings import Finding, Kind, Severity
from meshtui.core.model.state import Cluster, Mesh
from meshtui.tui.findings.rows import finding_lines

COMMAND = "kubectl --context tion describe node tion-worker"


def test_a_finding_tells_since_when_what_works_why_and_the_command() -> None:
    mesh = Mesh({"tion": Cluster("tion", "T", 0)})
    finding = Finding(
        Kind.SERVICE_TIMEOUT,
        Severity.ERROR,
        ("tion",),
        "default/rebel-base",
        "half of the requests\x1b[31m time out",
        ("koornacht's clients: 2 of 4 answered",),
        advice=COMMAND,
        since=1_795_462_002.0,
        still="tion's clients get answers",
        because=Kind.NODE_DOWN,
    )
    text = ["".join(span.text for span in line) for line in finding_lines(finding, mesh, 100, utc=True)]
    assert text[0].startswith(" ✗ error")
    assert " since " in text[0]
    assert text[0].endswith(":42")
    assert [line.strip() for line in text[2:]] == [
        "· koornacht's clients: 2 of 4 answered",
        "still works: tion's clients get answers",
        "follows from: node down; mend that first",
        f"→ {COMMAND}",
    ]
    assert "\x1b" not in "".join(text)
