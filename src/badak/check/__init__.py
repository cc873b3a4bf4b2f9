"""Is this layer right, and if not, why: the layer contract, the diagnosis in words, the child process.

`check_file` checks a file in a child process, `check_layer` an object in this one, `parametrize` makes pytest tests of it.
"""

from badak.check.command import check_command, exit_code
from badak.check.contract import CHECKS, examine
from badak.check.findings import Finding, Report
from badak.check.hook import parametrize
from badak.check.isolate import check_file
from badak.check.layer import check_layer
from badak.check.report import report_html, report_json, report_text

__all__ = [
    "CHECKS", "Finding", "Report", "check_command", "check_file", "check_layer", "examine", "exit_code", "parametrize",
    "report_html", "report_json", "report_text",
]  # fmt: skip
