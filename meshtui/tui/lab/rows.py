"""What the tour pane shows of a stop: words, commands, the check and its evidence, questions, keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtui.lab.checks.checkinput import Checked
from meshtui.lab.guide import Guide
from meshtui.lab.script import first_line
from meshtui.lab.texts import told
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, wrapped

_LOG = 6
"""Lines of a running command."""
_SEEN = 4
KEYS = (
    ("enter", "tour.do"), ("c check", "tour.check"), ("n next", "tour.next"), ("b back", "tour.previous"),
    ("a answers", "tour.answers"), ("r undo", "tour.undo"), ("y copy", "view.copy"), ("x", "tour.other"),
)  # fmt: skip
"""Keys at the foot, and the commands they run."""


def lines(guide: Guide, width: int) -> list[Line]:
    """All of it."""
    stop, place = guide.stop, guide.tour.walk.place
    made: list[Line] = [_dots(guide, width), ()]
    for sentence in stop.text.why:
        made += _text(told(sentence, place), width)
    made.append(())
    commands = guide.tour.commands(stop)
    for command in commands:
        made += _command(command, width)
    if commands:
        made.append(())
    made += _state(guide, width)
    made.append(())
    for question in stop.text.ask:
        made += _mark("?", told(question.q, place), width, "key", "")
        if guide.answers:
            made += _mark("→", told(question.a, place), width, "dim", "dim")
    made.append(())
    made += _foot(guide, width)
    return made


def copied(guide: Guide) -> str:
    """What copying gives: the commands, whole."""
    return "\n".join(guide.tour.commands(guide.stop))


def _dots(guide: Guide, width: int) -> Line:
    """`✔✔·▸··`: what was passed, where we are."""
    spans = [Span(" ")]
    for index, stop in enumerate(guide.tour.stops):
        done = stop.name in guide.passed
        here = index == guide.at
        glyph = "▸" if here and not done else status.OK if done else "·"
        spans.append(Span(glyph, "key" if here else "ok" if done else "dim"))
    spans.append(Span(f"  {len(guide.passed)} of {len(guide.tour.stops)} seen", "dim"))
    return spans


def _text(text: str, width: int, role: str = "") -> Iterator[Line]:
    for line in wrapped(safe(text, 1000), width - 1, indent=1):
        yield [Span(line, role)]


def _mark(glyph: str, text: str, width: int, role: str, words: str) -> Iterator[Line]:
    """A glyph, then the text, wrapped beside it."""
    for number, line in enumerate(wrapped(safe(text, 1000), width - 1, indent=3)):
        head = f" {glyph} " if number == 0 else "   "
        yield [Span(head, role), Span(line[3:], words)]


def _command(command: str, width: int) -> Iterator[Line]:
    """`$ kubectl …`, continued with a backslash as in a shell."""
    pieces = wrapped(safe(first_line(command), 1000), width - 3, indent=3)
    for number, line in enumerate(pieces):
        more = " \\" if number < len(pieces) - 1 else ""
        yield [Span(" $ " if number == 0 else "   ", "dim"), Span(f"{line[3:]}{more}", "info")]


def _state(guide: Guide, width: int) -> list[Line]:
    """What is under way, what failed, or what the check said."""
    if guide.busy:
        made: list[Line] = [[Span(f" {status.WAITING} {guide.busy} …", "info")]]
        return made + [[Span(f"   {safe(text, width - 4)}", "dim")] for text in guide.log[-_LOG:]]
    if guide.failure is not None:
        return list(status.error_lines(guide.failure, width, indent=1))
    found = guide.found.get(guide.stop.name)
    refused = guide.tour.why_not(guide.stop)
    if found is None:
        said = "The check has not looked yet. Do it by hand if you like, then press c."
        return [*_mark("·", refused or said, width, "dim", "dim")]
    return _found(guide, found, refused, width)


def _found(guide: Guide, found: Checked, refused: str, width: int) -> list[Line]:
    made = [*_mark(status.OK if found.ok else status.BAD, found.sentence, width, "ok" if found.ok else "bad", "")]
    for text in found.seen[:_SEEN] if found.outcomes else ():
        made += _mark(" ", text, width, "dim", "dim")
    if not found.ok:
        made += _mark("→", told(guide.stop.text.hint, guide.tour.walk.place), width, "warn", "warn")
        if refused:
            made += _mark("!", refused, width, "warn", "dim")
    return made


def _foot(guide: Guide, width: int) -> list[Line]:
    """The keys, as many lines as they take."""
    words = {"enter": f"enter {guide.tour.does}", "x": "x break it" if guide.tour.title == "Tour" else "x the tour"}
    made: list[list[Span]] = [[Span(" ")]]
    for key, command in KEYS:
        text = words.get(key, key)
        if sum(len(span.text) for span in made[-1]) + len(text) + 3 > width:
            made.append([Span(" ")])
        head, _, rest = text.partition(" ")
        made[-1] += [Span(head, "key", command), Span(f" {rest}  ", "dim", command)]
    return [*made]


def waiting(words: str, width: int) -> Sequence[Line]:
    """What stands there while there is no lab."""
    return [*_text(words, width, "dim")]
