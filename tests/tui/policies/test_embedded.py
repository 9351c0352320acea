"""The policies' screen on the embedded mesh: applied until agents have it, undone, refused; `M` wherever it works.

Each takes 4 to 12 s: a mesh of its own is started, and ten requests that nobody answers come one after another.
"""

from __future__ import annotations

import copy
import re

import httpx
import pytest

from meshtui.core.load.spec import Answer
from meshtui.core.model import resources as r
from meshtui.tui.changes.consent import ConsentDialog
from meshtui.tui.policies.mending import MendDialog
from meshtui.tui.policies.screen import PoliciesScreen
from tests.tui.policies.test_mending import message
from tests.tui.test_road import on_embedded_mesh, ten_curls

DENY = "default/default-deny"


def specs(board):
    """What default-deny says in each cluster that has it."""
    found = {c.context: c.of(r.CNPS).get(DENY) for c in board.app.board.mesh.clusters.values()}
    return {context: policy.spec for context, policy in found.items() if policy is not None}


async def on_screen(board):
    await board.press("2", "p")
    await board.until(lambda: isinstance(board.app.screen, PoliciesScreen))


async def fault(board, **fields):
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{board.running.control}/faults", json=fields)
        assert answer.status_code < 300, answer.text


async def heal(board):
    async with httpx.AsyncClient() as http:
        assert (await http.delete(f"{board.running.control}/faults")).status_code < 300


def told(board):
    return board.text(board.app.board.message)


@pytest.mark.timeout(180)
async def test_applied_until_agents_have_it_undone_and_refused_by_a_webhook():
    async with on_embedded_mesh("deployed") as board:
        await on_screen(board)
        await board.press("a")
        await board.until(lambda: "default-deny" in board.text())
        await board.press("enter")
        await board.until(lambda: "every agent has it" in told(board), "agents have it")
        assert set(specs(board)) == {"koornacht", "tion"}
        await board.press("u")
        await board.until(lambda: "every agent has dropped it" in told(board), "taken back")
        assert specs(board) == {}

        # A webhook that says no to a dry run: nothing is sent to anybody.
        await fault(board, fault="webhook-denies", cluster="tion")
        await board.press("a")
        await board.until(lambda: "default-deny" in board.text())
        await board.press("enter")
        await board.until(lambda: "Nothing was changed" in board.text(), "it is refused")
        assert "1 of 2 would be refused" in told(board)
        words = " ".join(re.sub("[│\\s]+", " ", board.text()).split())
        assert 'admission webhook "rules.team.example" denied the request' in words, words
        assert "would be accepted" in board.text()
        assert specs(board) == {}
        await board.press("escape")
        await heal(board)

        # One that lets dry runs pass: what was done all the same is said, and the undo takes that back.
        await fault(board, fault="webhook-denies", cluster="tion", dry="passes")
        await board.press("a")
        await board.until(lambda: "default-deny" in board.text())
        await board.press("enter")
        await board.until(lambda: "1 of 2 done" in board.text(), "half of it is done, and that is said")
        await board.until(lambda: set(specs(board)) == {"koornacht"})
        await board.press("escape")
        await heal(board)
        await board.until(lambda: "every agent has it" in told(board), "where it was accepted")
        await board.press("u")
        await board.until(lambda: "every agent has dropped it" in told(board), "taken back")
        assert specs(board) == {}


@pytest.mark.timeout(180)
async def test_deleted_asked_about_and_restored_as_it_was():
    async with on_embedded_mesh("default-deny") as board:
        for cluster in board.app.board.mesh.clusters.values():
            cluster.trusted = False
        await board.until(lambda: set(specs(board)) == {"koornacht", "tion"}, "policies are listed")
        before = copy.deepcopy(specs(board))
        await on_screen(board)
        await board.until(lambda: board.app.screen.row is not None)
        await board.press("x")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        line = "kubectl --context koornacht -n default delete ciliumnetworkpolicies default-deny"
        await board.until(lambda: line in ["".join(s.text for s in each) for each in board.app.screen.text.lines])
        await board.press("y")
        await board.until(lambda: "every agent has dropped it" in told(board), "gone")
        assert specs(board) == {}
        await board.press("u")
        await board.until(lambda: isinstance(board.app.screen, ConsentDialog))
        await board.press("y")
        await board.until(lambda: "every agent has it" in told(board), "back")
        assert specs(board) == before


NAMES = [
    ("koornacht", "x-wing-to-rebel-base"),
    ("koornacht", "rebel-base-from-x-wing"),
    ("tion", "rebel-base-from-x-wing"),
]


async def mended(board):
    """What `M` proposes where the cursor is; the dialog is left again."""
    await board.press("M")
    await board.until(lambda: isinstance(board.app.screen, MendDialog), "MendDialog")
    dialog = board.app.screen
    found = [(each.cluster, each.name) for each in dialog.taken]
    await board.press("escape")
    return found, dialog


@pytest.mark.timeout(180)
async def test_mend_on_a_service_a_sum_a_connection_a_drop_and_a_run_without_names():
    async with on_embedded_mesh("default-deny") as board:
        flows = board.app.board.flows
        assert {q.answer for q in await ten_curls(board)} == {Answer.TIMED_OUT}
        await board.press("2")
        await board.until(lambda: board.app.board.services.cell)
        assert (await mended(board))[0] == NAMES

        await board.press("3")
        for key, kind in (("e", "events"), ("s", "sums"), ("c", "connections")):
            await board.press(key)
            await board.until(lambda kind=kind: flows.kind == kind and flows.items, kind)
            await board.press("home")
            found, _ = await mended(board)
            assert found, kind
            assert set(found) <= set(NAMES), kind
            assert found[0][0] == "koornacht", kind
        # A drop's own details say the key.
        await board.press("e")
        await board.until(lambda: flows.kind == "events" and flows.items, "events")
        await board.press("enter")
        await board.until(lambda: "M proposes the smallest policies that would let it pass" in board.text())
        found, _ = await mended(board)
        assert found
        assert set(found) <= set(NAMES), "the key works where it is told"

        # Without DNS the names do not resolve: the run fails, and what mends it begins with DNS.
        session = board.app.board.session
        spec = {**specs(board)["koornacht"], "egress": [{}]}
        manifest = {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "default-deny", "namespace": "default"},
            "spec": spec,
        }
        await session.perform(session.plan_apply(["koornacht"], [manifest]), confirmed=True)
        await board.until(lambda: specs(board)["koornacht"]["egress"] == [{}])
        assert Answer.ANSWERED not in {q.answer for q in await ten_curls(board)}, "no name, no request"
        await board.press("4")
        found, dialog = await mended(board)
        texts = [str(each.manifest) for each in dialog.taken]
        assert any("kube-dns" in text and "53" in text for text in texts)
        assert {name for name in NAMES if name[1] != "x-wing-to-rebel-base"} <= set(found)
        assert message(board)
