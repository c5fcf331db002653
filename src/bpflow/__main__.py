"""``python -m bpflow``: the command line without an installed console script."""

from bpflow.cli import main

if __name__ == "__main__":
    main()
