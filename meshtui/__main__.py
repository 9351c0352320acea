"""The `meshtui` command: hands the arguments to the command line and exits with its code."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from meshtui.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
