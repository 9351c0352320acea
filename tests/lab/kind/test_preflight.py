"""What is looked at before anything is built, and what is left alone."""

from __future__ import annotations

import socket

import pytest

from meshtui.core.errors import CheckFailed, UsageError
from meshtui.lab.kind.lab import dashboard, script
from meshtui.lab.kind.record import design_of
from tests.lab.kind.conftest import GB, Site


async def refused(site: Site, **wish: object) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        await site.up(**wish)
    assert site.acts == [], "nothing was changed"
    return caught.value


async def test_all_that_is_missing_is_named_at_once_with_where_to_get_it(site: Site):
    for tool in ("kind", "cilium"):
        (site.root / "bin" / tool).unlink()
    error = await refused(site)
    assert "kind is not installed" in error.title
    assert "cilium is not installed" in error.title
    assert "kind.sigs.k8s.io" in error.hint
    assert "Install the Cilium CLI" in error.hint


async def test_a_provider_that_does_not_run_is_told(site: Site):
    site.write("fail", "docker info\n")
    error = await refused(site)
    assert error.title == "docker does not answer"


async def test_limits_of_the_kernel_are_looked_at_and_can_be_overruled(site: Site):
    site.write("proc/sys/fs/inotify/max_user_instances", "128\n")
    error = await refused(site)
    assert "fs.inotify.max_user_instances is 128" in error.title
    assert "sudo sysctl fs.inotify.max_user_instances=512" in error.hint
    assert "--force" in error.hint
    await site.up(force=True, until="clusters")
    assert site.clusters == {"koornacht", "tion"}


async def test_memory_is_looked_at(site: Site):
    site.write("proc/meminfo", f"MemTotal: {8 * GB} kB\nMemAvailable: {2 * GB} kB\n")
    error = await refused(site)
    assert error.title == "2.0 GB of memory are free, the lab needs about 5.2 GB"
    assert "--nodes 1" in error.hint


async def test_a_taken_port_is_replaced_by_a_free_one(site: Site):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("", 31234))
        taken.listen()
        await site.up(until="clusters")
    lab = design_of(site.records.one())
    ports = {port.node: port.host for port in lab.sites[0].ports}
    assert ports[31234] not in (31234, 31235, 32042)
    assert ports[32042] == 32042
    assert f"hostPort: {ports[31234]}" in (site.root / "clusters/koornacht").read_text()
    assert any("port 31234 is taken: Hubble Relay gets port" in said for said in site.watcher.said)
    assert dashboard(lab)[-2:] == ["--relay", f"kind-koornacht=127.0.0.1:{ports[31234]}"]


async def test_a_cluster_of_somebody_else_is_not_touched(site: Site):
    site.write("clusters/tion", "somebody else's")
    error = await refused(site)
    assert "there is a kind cluster tion that this lab did not make" in error.title
    assert "--clusters" in error.hint
    assert (site.root / "clusters/tion").read_text() == "somebody else's"


async def test_a_cluster_that_was_made_anew_by_somebody_else_is_not_touched(site: Site):
    await site.up(until="clusters")
    site.write("clusters/koornacht", "  - role: control-plane\n")
    before = len(site.acts)
    with pytest.raises(CheckFailed, match="does not carry this lab's label"):
        await site.up()
    assert len(site.acts) == before
    with pytest.raises(CheckFailed, match="left alone"):
        await site.down()
    assert "koornacht" in site.clusters


async def test_down_removes_exactly_what_was_made(site: Site):
    site.write("clusters/kind", "somebody else's")
    await site.up()
    assert await site.down() == ["koornacht", "tion"]
    assert site.clusters == {"kind"}
    assert site.records.names() == []
    with pytest.raises(UsageError, match="meshtui has built no such lab"):
        await site.down()


async def test_down_after_a_failure_removes_what_there_is(site: Site):
    site.write("fail", "kind create cluster --name tion\n")
    with pytest.raises(CheckFailed):
        await site.up()
    site.mend()
    assert await site.down() == ["koornacht", "tion"]
    assert site.clusters == set()


async def test_down_goes_on_after_a_failure(site: Site):
    await site.up(until="clusters")
    site.write("fail", "kind delete cluster --name tion\n")
    with pytest.raises(CheckFailed):
        await site.down()
    site.mend()
    assert await site.down() == ["tion"]


async def test_several_labs_stand_beside_each_other(site: Site):
    await site.up(until="clusters")
    await site.up(names=("alpha", "beta"), until="clusters")
    with pytest.raises(UsageError, match="there are several labs"):
        await site.down()
    assert await site.down("alpha", "beta") == ["alpha", "beta"]
    assert site.clusters == {"koornacht", "tion"}


async def test_the_script_is_what_would_be_run(site: Site, tmp_path):
    await site.up()
    record = site.records.one()
    lines = script(design_of(record), site.records.directory("koornacht+tion"))
    assert sum(line.startswith("cat > ") for line in lines) == 2
    run = [" ".join(call) for call in site.acts]
    shown = [line.rpartition("|\n  ")[2] for line in lines if not line.startswith("cat > ")]
    assert shown == run
    assert any(
        line.startswith("kubectl --context kind-koornacht -n kube-system get secret cilium-ca") for line in lines
    )
