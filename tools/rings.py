"""Proves that no two files of meshtui import each other, directly or in a ring, imports for type checkers included."""

import graphlib
import sys

import grimp


def ring() -> list[str]:
    """One ring of modules, each importing the next, or nothing."""
    graph = grimp.build_graph("meshtui", exclude_type_checking_imports=False)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as found:
        return list(reversed(found.args[1]))
    return []


if __name__ == "__main__":
    if found := ring():
        sys.exit("These modules import each other in a ring:\n  " + "\n  → ".join(found))
    print("No module imports itself through others.")  # noqa: T201 - this is its answer
