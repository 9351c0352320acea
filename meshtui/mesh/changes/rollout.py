"""A change of policies followed through its clusters: shown by the API server, called valid, on every agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from meshtui.cilium.policy import read_policy
from meshtui.core.changes.plan import Step
from meshtui.core.errors import Forbidden, MeshtuiError
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Pod
from meshtui.core.model.state import Mesh
from meshtui.core.policy.rollout import AgentPolicy, RolloutState, Wanted, behind, missing, on_agents, rollout_state
from meshtui.kube.api import Api
from meshtui.mesh.agentpods import running_agents

AT_ONCE = 8
"""Agents that are asked at the same time."""
PAUSE = 0.3
"""Seconds between two questions to an agent that has not taken a change up."""
BEFORE = 3.0
"""Seconds for the agents to tell how they stand before a change."""
ANSWER = 10.0
"""Seconds that one agent has for one answer."""

Where = tuple[str, str]
"""A step's context and `KIND namespace/name`."""


class _Agent(Struct):
    """One agent, and how far it is with each change."""

    pod: Pod
    before: AgentPolicy | None = None
    reached: dict[Where, int] = field(default_factory=dict)
    """Changes that it has, and its revision when it was seen to have them first."""
    late: dict[Where, str] = field(default_factory=dict)
    """Changes that it has not, or not whole, and why."""

    def has(self, step: Step) -> bool:
        """Whether nothing of a change is to come any more."""
        return _where(step) in self.reached and _where(step) not in self.late


class PolicyRollout:
    """Begin it before the change is sent, so that the agents' revision of before is known; wait after it."""

    def __init__(self, mesh: Mesh, api_of: Callable[[str], Api], steps: Iterable[Step]) -> None:
        self._mesh, self._api_of = mesh, api_of
        self.steps = [step for step in steps if step.resource in r.POLICIES]
        self._agents: dict[str, list[_Agent]] = {}
        self._unheard: dict[str, str] = {}
        """Context → why its agents cannot be asked at all."""
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._beginning = asyncio.ensure_future(self._begin())

    async def ready(self) -> None:
        """Wait until every agent told its revision; one that takes long is not waited for, and its is not known."""
        await asyncio.wait([self._beginning], timeout=BEFORE)
        self._beginning.cancel()

    def stop(self) -> None:
        """The change is not made after all."""
        self._beginning.cancel()

    async def wait(self, steps: Iterable[Step], patience: float) -> list[tuple[Step, RolloutState]]:
        """Ask until each of these steps has arrived everywhere or was refused, at most `patience` seconds."""
        wanted = [step for step in self.steps if any(step is each for each in steps)]
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            await self._ask([step for step in wanted if not self._known(step).refused], end - loop.time())
            found = [(step, self._told(step)) for step in wanted]
            if all(told.done for _, told in found) or loop.time() >= end:
                return found
            await asyncio.sleep(min(PAUSE, max(0.0, end - loop.time())))

    def _known(self, step: Step) -> RolloutState:
        """What the API server and the operator say."""
        return rollout_state(self._mesh, step.context, step.resource, step.key, step.after)

    def _told(self, step: Step) -> RolloutState:
        """With what the agents say."""
        agents = self._agents.get(step.context, [])
        late = {each.pod.spec.node_name: why for each in agents if (why := each.late.get(_where(step)))}
        return on_agents(
            self._known(step), len(agents), late, self._unheard.get(step.context, ""), gone=step.after is None
        )

    async def _begin(self) -> None:
        contexts = dict.fromkeys(step.context for step in self.steps)
        await asyncio.gather(*(self._find(context) for context in contexts))

    async def _find(self, context: str) -> None:
        """The cluster's agents, each with what it says now."""
        try:
            api = self._api_of(context)
            pods = await running_agents(api, self._mesh.clusters[context])
        except MeshtuiError as error:
            self._unheard[context] = error.title
            return
        self._agents[context] = [_Agent(pod) for pod in pods]
        await asyncio.gather(*(self._read_before(api, agent) for agent in self._agents[context]))

    async def _read_before(self, api: Api, agent: _Agent) -> None:
        found = await self._read(api, agent)
        agent.before = found if isinstance(found, AgentPolicy) else None

    async def _read(self, api: Api, agent: _Agent) -> AgentPolicy | str:
        """What an agent says, or why it says nothing."""
        try:
            async with self._gate, asyncio.timeout(ANSWER):
                return await read_policy(api, agent.pod)
        except Forbidden as error:
            self._unheard[api.context] = error.title
            return error.title
        except TimeoutError:
            return "does not answer"
        except MeshtuiError as error:
            return f"does not answer: {error.cause or error.title}"

    async def _ask(self, steps: list[Step], left: float) -> None:
        """Every agent that has not taken all of these up."""
        asked = []
        for context in dict.fromkeys(step.context for step in steps):
            mine = [step for step in steps if step.context == context]
            agents = self._agents.get(context, []) if context not in self._unheard else []
            late = [agent for agent in agents if any(not agent.has(step) for step in mine)]
            asked += [self._look(context, agent, mine) for agent in late]
        if asked:
            done, cut = await asyncio.wait([asyncio.ensure_future(each) for each in asked], timeout=max(0.5, left))
            for task in cut:
                task.cancel()
            for task in done:
                task.result()

    async def _look(self, context: str, agent: _Agent, steps: list[Step]) -> None:
        for step in steps:
            agent.late.setdefault(_where(step), "does not answer")
        try:
            now = await self._read(self._api_of(context), agent)
        except MeshtuiError as error:
            now = error.title
        for step in steps:
            where = _where(step)
            why = now if isinstance(now, str) else _late(agent, step, now)
            agent.late[where] = why
            if not why:
                del agent.late[where]


def _late(agent: _Agent, step: Step, now: AgentPolicy) -> str:
    """Why an agent has not taken a step up whole; empty where it has."""
    wanted = Wanted((step.resource.kind, step.namespace, step.name), gone=step.after is None, new=step.before is None)
    why = missing(wanted, agent.before, now)
    if why:
        return why
    return behind(now, agent.reached.setdefault(_where(step), now.revision))


def _where(step: Step) -> Where:
    return step.context, f"{step.resource.kind} {step.key}"
