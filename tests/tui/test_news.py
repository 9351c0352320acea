"""What changed comes as one; objects at once, a status after a rest that grows with what showing it takes."""

from __future__ import annotations

from meshtui.core.model.resources import SERVICES
from meshtui.core.model.state import Delta
from meshtui.tui.news import LONGEST, News
from tests.clocks import HandClock
from tests.waiting import until

STATUS, OTHER = Delta(status={"a"}), Delta(status={"b"})
OBJECT = Delta(objects={("a", SERVICES): {"default/web"}})


async def test_several_changes_are_asked_for_once_and_come_as_one() -> None:
    clock, asked = HandClock(), list[int]()
    shown = list[Delta]()
    news = News(lambda: asked.append(1), clock)
    for delta in (STATUS, OTHER, OBJECT):
        news.take(delta)
    assert asked == [1]
    news.show(shown.append)
    assert shown == [Delta(status={"a", "b"}, objects=OBJECT.objects)]
    news.show(shown.append)
    assert shown[1] == Delta()


async def test_after_a_show_that_took_long_a_status_rests_and_an_object_does_not() -> None:
    clock, asked = HandClock(), list[int]()
    news = News(lambda: asked.append(1), clock)

    def slow(_: Delta) -> None:
        clock.time += 0.02

    news.take(STATUS)
    news.show(slow)
    news.take(STATUS)
    assert asked == [1], "twenty times as long is not over"
    news.take(OBJECT)
    assert asked == [1, 1], "somebody may wait for it"
    news.show(slow)
    clock.time += LONGEST
    news.take(STATUS)
    assert asked == [1, 1, 1]


async def test_a_status_that_rests_is_shown_without_another() -> None:
    clock, asked = HandClock(), list[int]()
    shown = list[Delta]()
    news = News(lambda: asked.append(1), clock)

    def slow(delta: Delta) -> None:
        clock.time += 0.001
        shown.append(delta)

    news.take(STATUS)
    news.show(slow)
    news.take(OTHER)
    assert len(asked) == 1
    await until(lambda: len(asked) == 2)
    news.show(slow)
    assert shown == [STATUS, OTHER]
