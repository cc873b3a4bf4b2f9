"""Is this layer right, and if not, why: the layer contract, the diagnosis in words, the child process.

`check_file` checks a file in a child process, `check_layer` an object in this one, `parametrize` makes
pytest tests of it. Each is imported only when it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from badak.check.command import check_command as check_command
    from badak.check.command import exit_code as exit_code
    from badak.check.contract import CHECKS as CHECKS
    from badak.check.contract import examine as examine
    from badak.check.findings import Finding as Finding
    from badak.check.findings import Report as Report
    from badak.check.hook import parametrize as parametrize
    from badak.check.isolate import check_file as check_file
    from badak.check.layer import check_layer as check_layer
    from badak.check.report import report_html as report_html
    from badak.check.report import report_json as report_json
    from badak.check.report import report_text as report_text

_HOMES = {
    "CHECKS": "contract",
    "Finding": "findings",
    "Report": "findings",
    "check_command": "command",
    "check_file": "isolate",
    "check_layer": "layer",
    "examine": "contract",
    "exit_code": "command",
    "parametrize": "hook",
    "report_html": "report",
    "report_json": "report",
    "report_text": "report",
}

__all__ = [*_HOMES]  # noqa: PLE0604 (names, known above)


def __getattr__(name: str) -> Any:
    """Import one of the names above at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'badak.check' has no attribute {name!r}")
    return getattr(importlib.import_module(f"badak.check.{_HOMES[name]}"), name)
