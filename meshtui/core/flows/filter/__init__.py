"""Filters flows with `hubble observe`'s vocabulary: parse, match here, ask the server, complete, print as a command."""

from meshtui.core.flows.filter.complete import completions
from meshtui.core.flows.filter.filter import FlowFilter, parse
from meshtui.core.flows.filter.keys import KEYS, FilterError
from meshtui.core.flows.filter.presets import NOISE, PRESETS, service_text, with_preset
from meshtui.core.flows.filter.question import Question, terms_of

__all__ = [
    "KEYS",
    "NOISE",
    "PRESETS",
    "FilterError",
    "FlowFilter",
    "Question",
    "completions",
    "parse",
    "service_text",
    "terms_of",
    "with_preset",
]
