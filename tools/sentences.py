"""Write what `badak check` says into the one golden file that sentences are compared in.

    python tools/sentences.py            write tests/golden/check_sentences.txt
    python tools/sentences.py --check    fail where it is not what is said

For each cause, in English and in Korean: the sentence and the advice (and those for special cases), filled with
example values. Everywhere else tests compare labels and values, so that a better wording changes one file.
"""

import sys
from pathlib import Path

from badak.check.causes.registry import CAUSES
from badak.check.findings import Finding, Report
from badak.check.report import report_text
from badak.check.report.words import HEADINGS, speak
from badak.language import translator

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "check_sentences.txt"
VALUES = {
    "accuracy": "", "arguments": "x, y", "axis": 1, "branch": "x < 0", "ddof": 0, "digits": 3, "divisor": 4,
    "error": "ValueError: shapes", "flag": "train_flg", "got": 0.2, "input": "zero", "kind": "int", "limit": 5.0,
    "all": 4, "change": 0.0001, "count": 2, "factor": 2.0, "h": 0.0001, "lr": 0.01, "moved": 0.1, "result": 0.3,
    "rule": "Adam", "step": 2, "wanted": 0.4, "width": "2h",
    "momentum": 0.9, "name": "mask", "names": "relu1, relu2", "near": "msk", "other": "W2", "owner": "Relu",
    "parameter": "W", "rate": 0.01, "ratio": 2.0, "right": 0, "shape": [5, 5], "shape_t": [5], "shape_x": [5, 1],
    "share": 0.1, "side": "x < 0", "test": 1.0, "train": 0.5, "used_line": 7, "value": 0.0, "warning": "overflow",
    "at": -2.5, "found": "x", "meant": "max(0, x)", "object": "Relu", "stride": 2, "pad": 1, "got_shape": "(6, 4)",
    "right_shape": "(7, 5)",
}  # fmt: skip


def example(label: str, special: str | None = None, check: str = "gradients", **values: object) -> Finding:
    """Make a finding of this cause with every value filled in."""
    filled = {**VALUES, **dict.fromkeys(CAUSES[label].special, ""), **values}
    if special is not None:
        filled[special] = VALUES.get(special) or True
    place = {"method": "backward", "quantity": "W", "line": 3}
    return Finding(check, label, got=1.0, expected=2.0, values=filled, **place)


def sentences() -> str:
    """Give the whole file."""
    lines: list[str] = []

    def say(title: str, finding: Finding) -> None:
        lines.append(f"[{title}]")
        for lang in ("en", "ko"):
            lines.extend(f"{lang}  {part}" for part in speak(finding, lang) if part)
        lines.append("")

    for label in sorted(CAUSES):
        say(label, example(label))
        for special in CAUSES[label].special:
            say(f"{label}, {special}", example(label, special))
    say("any cause, a repair of a crash", example("unnamed", check="runs", repair="x.T @ dout", before="x @ dout"))
    say("any cause, a repair", example("sign-flip", repair="y - t", before="t - y"))
    say("any cause, several quantities", example("sign-flip", also=["b"]))
    say("any cause, an inner layer", example("sign-flip", layer="Affine1"))
    lines.append("[headings]")
    for name, heading in HEADINGS.items():
        lines.append(f"{name}: {heading} | {translator('check', 'ko').gettext(heading)}")
    lines += ["", "[a report]"]
    report = Report("mine.py", "Affine", style="class with forward and backward", findings=[example("sign-flip")])
    report.source = ["class Affine:", "    def backward(self, dout):", "        return -dout"]
    lines += [line for lang in ("en", "ko") for line in report_text(report, lang).splitlines()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the file."""
    text = sentences()
    if "--check" not in sys.argv:
        GOLDEN.write_text(text, encoding="utf-8")
        return 0
    if GOLDEN.read_text(encoding="utf-8") == text:
        return 0
    print(f"{GOLDEN} is not what badak check says: read the difference, then run tools/sentences.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
