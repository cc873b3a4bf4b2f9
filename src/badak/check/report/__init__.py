"""Reports for people (text, HTML) and machines (JSON, one object a line)."""

from badak.check.report.html import report_html as report_html
from badak.check.report.json import finding_json as finding_json
from badak.check.report.json import report_json as report_json
from badak.check.report.text import report_text as report_text
