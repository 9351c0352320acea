"""What a line typed after `:` means."""

import pytest

from meshtui.tui.palette.going import Going, Place, completions, going

NAMESPACES = ("default", "kube-system", "shop", "shop-test")
CONTEXTS = ("koornacht", "tion")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("svc", Going(Place.SERVICES)),
        ("SVC", Going(Place.SERVICES)),
        ("svc /rebel", Going(Place.SERVICES, "/rebel")),
        ("ns shop", Going(Place.NAMESPACE, "shop")),
        ("ns kube", Going(Place.NAMESPACE, "kube-system")),
        ("ns all", Going(Place.NAMESPACE, "all")),
        ("ns", Going(Place.NAMESPACE)),
        ("ctx tion", Going(Place.CONTEXT, "tion")),
        ("pol", Going(Place.POLICIES)),
        ("find", Going(Place.FINDINGS)),
        ("q", Going(Place.QUIT)),
        ("toggle global", None),
        ("load from all clusters", None),
        ("", None),
    ],
)
def test_a_line_leads_to_a_place_or_is_none(line, meant):
    assert going(line, NAMESPACES, CONTEXTS) == meant


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ns shp", "there is no namespace shp; did you mean shop?"),
        ("ns sho", "there is no namespace sho; did you mean shop or shop-test?"),
        ("ctx prod", "there is no cluster prod"),
    ],
)
def test_a_name_that_does_not_exist_leads_nowhere(line, problem):
    found = going(line, NAMESPACES, CONTEXTS)
    assert found is not None
    assert found.problem == problem


def test_words_and_names_are_completed():
    assert completions("sv", NAMESPACES, CONTEXTS) == ["svc"]
    assert completions("ns sh", NAMESPACES, CONTEXTS) == ["ns shop", "ns shop-test"]
    assert completions("ctx t", NAMESPACES, CONTEXTS) == ["ctx tion"]
