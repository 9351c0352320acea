"""Every recorded step on the embedded mesh: ten requests from both clusters end as the recording's did."""

import pytest

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.outcomes import RECORDED, SILENCE


@pytest.mark.parametrize("state", RECORDED)
async def test_requests_end_as_recorded(state):
    async with launch(SimOptions(state=state)) as running:
        meshtui = Command(str(running.kubeconfig))
        ran = await meshtui("load", "rebel-base", "-n", "40", "-c", "20", "-m", "0.7", "-o", "json")
    nobody = any(expected == {SILENCE} for expected in RECORDED[state])
    assert ran.code == (1 if nobody else 0), "a run that nobody answers has failed"
    for run, expected in zip(ran.data, RECORDED[state], strict=True):
        outcomes = {request["cluster"] if request["answer"] == "answered" else SILENCE for request in run["requests"]}
        assert outcomes == expected
        assert all(request["story"] for request in run["requests"] if request["answer"] != "answered")
        if SILENCE not in expected:
            assert run["verdict"] != "impossible"
