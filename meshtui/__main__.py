"""The `meshtui` command: hands the arguments to the command line and exits with its code."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from meshtui.mesh import collector

    collector.seldom()  # before anything is loaded: left alone it walks all modules again and again, a fifth of a verb
    from meshtui.cli import run

    code = run(sys.argv[1:])
    collector.keep()
    sys.exit(code)


if __name__ == "__main__":
    main()
