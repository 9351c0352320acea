"""One object as its API server has it: who wrote what, what is folded away, events in order."""

import pytest

from meshtui.core.model.manifest import LAST_APPLIED, events, folded, who_wrote, writers

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "rebel-base",
        "annotations": {
            "service.cilium.io/global": "true",
            "kubectl.kubernetes.io/last-applied-configuration": "{…}",
        },
        "managedFields": [
            {
                "manager": "kubectl-create", "operation": "Update", "time": "2026-11-23T10:00:00Z",
                "fieldsV1": {"f:spec": {"f:ports": {}, "f:type": {}}},
            },
            {
                "manager": "kubectl-annotate", "operation": "Update", "time": "2026-11-23T11:00:00Z",
                "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:service.cilium.io/global": {}}}},
            },
            "not an entry", {"manager": "odd", "fieldsV1": "no set"},
        ],
    },
    "spec": {"type": "ClusterIP"},
}  # fmt: skip


def test_writers_newest_first_with_what_they_own():
    found = writers(SERVICE)
    assert [(w.manager, w.fields, w.annotations) for w in found] == [
        ("kubectl-annotate", 2, ("service.cilium.io/global",)),
        ("kubectl-create", 2, ()),
    ]
    assert who_wrote(SERVICE, "service.cilium.io/global").manager == "kubectl-annotate"
    assert who_wrote(SERVICE, "service.cilium.io/shared") is None


def test_what_is_only_bookkeeping_is_folded_away():
    shown = folded(SERVICE)
    assert "managedFields" not in shown["metadata"]
    assert shown["metadata"]["annotations"] == {"service.cilium.io/global": "true"}
    assert list(shown) == ["apiVersion", "kind", "metadata", "spec"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({}, {}),
        ({"annotations": {}}, {"annotations": {}}),
        ({"annotations": {LAST_APPLIED: "{}"}}, {}),
        ({"annotations": {LAST_APPLIED: "{}", "a": "b"}}, {"annotations": {"a": "b"}}),
    ],
)
def test_an_empty_annotations_is_shown_only_where_the_server_sent_it(sent, shown):
    assert folded({"kind": "Service", "metadata": {"name": "s", **sent}})["metadata"] == {"name": "s", **shown}


def test_no_value_of_a_secret_is_shown():
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"token": "c2VjcmV0"}, "stringData": {"a": "b"}}
    assert folded(secret)["data"] == {"token": "(not shown)"}
    assert "c2VjcmV0" not in str(folded(secret))


def test_events_newest_first_with_their_counts():
    listed = {
        "items": [
            {"lastTimestamp": "2026-11-23T10:00:00Z", "type": "Normal", "reason": "A", "message": "a", "count": 3},
            {"eventTime": "2026-11-23T12:00:00Z", "type": "Warning", "reason": "B", "message": "b",
             "reportingComponent": "kubelet", "lastTimestamp": None},
        ]
    }  # fmt: skip
    assert [(t.reason, t.count, t.source) for t in events(listed)] == [("B", 1, "kubelet"), ("A", 3, "")]
