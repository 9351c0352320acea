"""Stand-ins for names: stable, whole words only, addresses and hosts unasked."""

from __future__ import annotations

import pytest

from meshtui.core.anonymous import Pseudonyms


def test_the_same_name_is_the_same_stand_in_and_parts_of_words_stay() -> None:
    names = Pseudonyms()
    names.learn("context", "shop-eu")
    names.learn("service", "cart")
    assert names.replace("shop-eu: cart, cartoon, cart") == "context-1: service-1, cartoon, service-1"
    names.learn("service", "shop-eu")
    assert names.replace("shop-eu") == "context-1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://api.shop.example:6443/api/v1/namespaces/pay/pods/cart-1", "GET https://host-1:6443/api/v1/namespaces/namespace-1/pods/pod-1"),
        ("10.1.2.3 and 10.1.2.3:80, 1.21.0", "ip-1 and ip-1:80, 1.21.0"),
        ("from fd00:10:1::7 at 12:03:04", "from ip-1 at 12:03:04"),
        ("cannot read /home/ann/.kube/config", "cannot read /home/user-1/.kube/config"),
    ],
)  # fmt: skip
def test_addresses_hosts_and_paths_are_found_unasked(text: str, shown: str) -> None:
    assert Pseudonyms().replace(text) == shown
