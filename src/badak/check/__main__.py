"""`python -m badak.check FILE…`: the check command without the rest of the command line."""

from __future__ import annotations

import argparse
import math
import sys

from badak.check.command import HELP, check_command
from badak.language import replace_unprintable
from badak.reading import shown


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and run the check; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m badak.check", description=HELP)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--html", metavar="PAGE", help="write a page with all reports")
    parser.add_argument("--strict", action="store_true", help="a hazard counts as wrong")
    parser.add_argument("--lang", choices=("en", "ko"))
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="SECONDS", help="of processor time")
    parser.add_argument("--memory-limit", type=float, default=2.0, metavar="GIB")
    parser.add_argument("--only", action="append", metavar="CHECK")
    replace_unprintable()
    given = parser.parse_args(arguments)
    try:
        if not 0 < given.memory_limit < math.inf:
            raise ValueError(f"--memory-limit must be more than 0 GiB, not {given.memory_limit:g}")
        memory = int(given.memory_limit * 2**30)
        return check_command(
            given.files,
            given.json,
            given.html,
            given.strict,
            given.lang,
            given.time_limit,
            memory,
            only=given.only,
        )
    except (ValueError, OSError) as error:
        print(f"badak check: {shown(str(error))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
