"""`python -m badak.learn`: the same as `badak learn`."""

import sys

from badak.language import replace_unprintable
from badak.learn.command import run
from badak.reading import shown


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; what is wrong with the input is said in one line, with exit code 2."""
    replace_unprintable()
    try:
        return run(sys.argv[1:] if arguments is None else arguments, "python -m badak.learn")
    except (ValueError, OSError) as error:
        print(f"badak: {shown(str(error))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
