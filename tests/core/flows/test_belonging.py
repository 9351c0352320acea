"""Whose Relay answers at an address."""

from __future__ import annotations

import pytest

from meshtui.core.flows.belonging import RelayOwner, judged

KNOWN, NONE = ("n1",), ()


@pytest.mark.parametrize(
    ("nodes", "cluster", "known", "owner"),
    [
        (["koornacht/n1", "tion/n9"], "koornacht", KNOWN, RelayOwner.OURS),
        (["tion/n9"], "koornacht", NONE, RelayOwner.STRANGER),
        (["koornacht/n7"], "koornacht", NONE, RelayOwner.UNPROVEN),
        (["koornacht/n7"], "koornacht", None, RelayOwner.OURS),
        (["n1"], "default", KNOWN, RelayOwner.OURS),
        (["n7"], "default", NONE, RelayOwner.STRANGER),
        (["n7"], "default", None, RelayOwner.UNPROVEN),
        (["other/n1"], "default", NONE, RelayOwner.STRANGER),
        (["any/n1"], "", KNOWN, RelayOwner.OURS),
        (["any/n7"], "", NONE, RelayOwner.STRANGER),
        (["any/n7"], "", None, RelayOwner.UNPROVEN),
        ([], "koornacht", None, RelayOwner.UNPROVEN),
    ],
)
def test_a_relay_is_the_clusters_by_name_and_by_nodes(nodes, cluster, known, owner):
    found = judged("k", "192.0.2.2:80", nodes, cluster, known)
    assert found.owner is owner
    assert bool(found.why) == (owner is not RelayOwner.OURS and bool(nodes))


def test_the_sentence_names_the_address_the_other_cluster_and_its_nodes():
    nodes = [f"other-mesh/n{number}" for number in range(5)]
    why = judged("koornacht", "127.0.0.1:80", nodes, "koornacht", ()).why
    assert why == (
        "koornacht: the Relay of other-mesh at 127.0.0.1:80 is not used: none of its nodes is koornacht's "
        "(other-mesh/n0, other-mesh/n1, other-mesh/n2, 2 more)"
    )
