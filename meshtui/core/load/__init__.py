"""Load tests: the script of the one exec, its output's parser, who answered, why others did not."""

from meshtui.core.load.parse import Parser
from meshtui.core.load.script import script
from meshtui.core.load.stats import Summary, summarise

__all__ = ["Parser", "Summary", "script", "summarise"]
