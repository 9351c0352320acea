"""Serves lists that were recorded from an embedded mesh, at next to no cost: API servers whose CPU is not measured.

    python benchmarks/lists_server.py FILE        # FILE: what `record` wrote

One port for each cluster, plain HTTP. Lists come in the recorded pages, watches stay open and silent, what else is
asked for is as recorded or not there, every right is granted, and nobody may run a command in a pod.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web

from meshtui.core.model import resources as r
from meshtui.kube.api import Api

Pages = dict[str, list[bytes]]
"""Path of a collection → its pages, in order."""


async def record(kubeconfig: Path, contexts: list[str], file: Path) -> None:
    """Write every watched list of every context, and Cilium's configuration, into a file."""
    recorded: dict[str, Pages] = {}
    for context in contexts:
        pages: Pages = {}
        async with await Api.connect(context, kubeconfig, {}, request_timeout=120.0) as api:
            for resource in (*r.WATCHED, r.CONFIGMAPS):
                path = resource.path("kube-system" if resource is r.CONFIGMAPS else "")
                at = f"{path}?limit=500"
                while at:
                    body = await api.get_raw(at)
                    pages.setdefault(path, []).append(json.dumps(body, separators=(",", ":")).encode())
                    more = body["metadata"].get("continue", "")
                    at = f"{path}?limit=500&continue={more}" if more else ""
            for path in ("/version", "/api/v1/namespaces/kube-system"):
                pages[path] = [json.dumps(await api.get_raw(path)).encode()]
        recorded[context] = pages
    await asyncio.to_thread(file.write_bytes, pickle.dumps(recorded))


def application(pages: Pages) -> web.Application:
    """One cluster's API server."""
    configmaps = {
        item["metadata"]["name"]: json.dumps(item).encode()
        for item in json.loads(pages[r.CONFIGMAPS.path("kube-system")][0])["items"]
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        if request.method == "POST":
            review = await request.json()
            return web.json_response({**review, "status": {"allowed": True}}, status=201)
        if request.query.get("watch"):
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await asyncio.sleep(3_600)
            return response
        found = pages.get(path)
        if found is None and path.startswith(r.CONFIGMAPS.path("kube-system")):
            body = configmaps.get(path.rpartition("/")[2])
            found = [body] if body is not None else None
        if found is None:
            status = 403 if path.endswith("/exec") else 404
            return web.json_response(
                {"kind": "Status", "code": status, "message": "recorded lists only"}, status=status
            )
        number = int(request.query.get("continue") or 0)
        return web.Response(body=found[min(number, len(found) - 1)], content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def numbered(pages: list[bytes]) -> list[bytes]:
    """The same pages, whose `continue` is the number of the next."""
    made = []
    for number, page in enumerate(pages):
        body: dict[str, Any] = json.loads(page)
        if isinstance(body.get("metadata"), dict) and "items" in body:
            body["metadata"]["continue"] = str(number + 1) if number + 1 < len(pages) else ""
        made.append(json.dumps(body, separators=(",", ":")).encode())
    return made


async def serve(file: Path) -> None:
    recorded: dict[str, Pages] = pickle.loads(await asyncio.to_thread(file.read_bytes))
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for context, pages in recorded.items():
        runner = web.AppRunner(application({path: numbered(each) for path, each in pages.items()}))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        config["clusters"].append({"name": context, "cluster": {"server": f"http://{host}:{port}"}})
        config["users"].append({"name": context, "user": {}})
        config["contexts"].append({"name": context, "context": {"cluster": context, "user": context}})
    config["current-context"] = next(iter(recorded))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as kubeconfig:
        json.dump(config, kubeconfig)
    print(json.dumps({"kubeconfig": kubeconfig.name, "contexts": list(recorded)}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
