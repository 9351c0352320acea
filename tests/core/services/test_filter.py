"""The services filter: every kind of term, negated and together, and what it says of mistakes."""

from __future__ import annotations

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.routing import annotations as a
from meshtui.core.services.filter import HELP, parse
from meshtui.core.services.table import View, rows
from tests.core import meshes
from tests.core.meshes import GLOBAL, put


def made():
    mesh = meshes.mesh()
    for context in mesh.clusters:
        put(mesh, context, meshes.service(GLOBAL, key="shop/cart", type="NodePort"))
        put(mesh, context, meshes.endpointslice([meshes.endpoint("10.0.0.1")], key="shop/cart"))
    put(mesh, "a", meshes.service({a.AFFINITY: "local"}, key="shop/db", ports=[{"name": "pg", "port": 5432}]))
    put(mesh, "b", meshes.service({}, key="default/web", clusterIP="None"))
    return mesh


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", {"shop/cart", "shop/db", "default/web"}),
        ("CART", {"shop/cart"}),
        ("ns:shop", {"shop/cart", "shop/db"}),
        ("ns:shop name:db", {"shop/db"}),
        ("cluster:B", {"shop/cart", "default/web"}),
        ("missing:b", {"shop/db"}),
        ("ann:affinity", {"shop/db"}),
        ("ann:global=true", {"shop/cart"}),
        ("ann:affinity=remote", set()),
        ("is:inactive", {"shop/db"}),
        ("is:global", {"shop/cart"}),
        ("is:shared", {"shop/cart"}),
        ("is:mesh", {"shop/cart", "shop/db"}),
        ("is:headless", {"default/web"}),
        ("is:empty", {"shop/db", "default/web"}),
        ("is:fault", set()),
        ("type:nodeport", {"shop/cart"}),
        ("port:5432", {"shop/db"}),
        ("port:pg", {"shop/db"}),
        ("port:80", {"shop/cart", "default/web"}),
        ("!is:global ns:shop", {"shop/db"}),
        ("!shop", {"default/web"}),
    ],
)
def test_terms(text, keys):
    mesh = made()
    assert {row.key for row in rows(mesh, View(filter=parse(text, mesh)))} == keys


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clutser:K", "did you mean cluster:"),
        ("zzz:1", "use ns:"),
        ("cluster:nowhere", "clusters here: A a, B b"),
        ("ann:globl", "ann:global"),
        ("is:broken", "is:fault"),
    ],
)
def test_mistakes_name_what_exists(text, told):
    with pytest.raises(UsageError) as caught:
        parse(text, made())
    assert told in caught.value.hint


def test_every_example_of_the_help_can_be_typed():
    mesh = made()
    mesh.clusters["a"].tag = "K"
    for example, _ in HELP:
        parse(example, mesh)
