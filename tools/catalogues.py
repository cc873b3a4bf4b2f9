"""Compile the catalogues of sentences: each `.po` under src/badak/locale to the `.mo` beside it.

    python tools/catalogues.py            write them
    python tools/catalogues.py --check    fail where one is not what its .po gives, or a .po is not what it should be

A catalogue is refused where a sentence has no translation, a fuzzy one, or one with other placeholders; where the code
says a sentence that it lacks, or no longer says one that it has; and, in Korean, where a particle that depends on the
sound before it stands fixed behind a placeholder: 'self.{name}을' is wrong for self.mask, '{name:을/를}' is right for
all. Needs babel (the extra `dev`).
"""

import ast
import gettext
import inspect
import io
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = Path(__file__).parent.parent / "src" / "badak"
LOCALE = SOURCE / "locale"

# Fixed behind a placeholder these are wrong for half of the values; both forms side by side are a form letter's.
FIXED = re.compile(r"\}[)\]'\"`]?(이|가|은|는|을|를|과|와|으로|로|이어야|여야|이고|이었는데|였는데)(?![가-힣])")
BOTH = re.compile(r"이\(가\)|을\(를\)|은\(는\)|과\(와\)|\(으\)로")
# The particle after a bracket belongs to the noun before it: 자료형({kind})을.
AFTER_BRACKET = re.compile(r"[가-힣]\([^()]*\}\)(이|가|은|는|을|를|과|와|으로|로)")


def read(po: Path) -> Catalog:
    """Return the catalogue that a `.po` holds."""
    with po.open("rb") as source:
        return read_po(source, locale=po.parts[-3], domain=po.stem)


def compiled(catalogue: Catalog) -> bytes:
    """Return the bytes of the `.mo` for a catalogue."""
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def sentences(mo: bytes) -> dict[str, str]:
    """Return what a `.mo` translates, without its header, in which the compiler writes its name and the time."""
    catalogue = gettext.GNUTranslations(io.BytesIO(mo))._catalog  # type: ignore[attr-defined]
    return {key: text for key, text in catalogue.items() if key}


def fields(sentence: str) -> set[str]:
    """Return the names of a sentence's placeholders; those of click and argparse are %(name)s."""
    try:
        named = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
    except ValueError:
        named = {"?"}
    return named | set(re.findall(r"%\((\w+)\)", sentence))


def faults(catalogue: Catalog) -> Iterator[str]:
    """Yield what is wrong with a catalogue by itself."""
    for message in catalogue:
        if not message.id:
            continue
        english = message.id if isinstance(message.id, str) else message.id[-1]
        named = set().union(*map(fields, [message.id] if isinstance(message.id, str) else message.id))
        korean = message.string if isinstance(message.string, str) else "".join(message.string)
        if message.fuzzy:
            yield f"fuzzy: {english!r}"
        if not korean:
            yield f"not translated: {english!r}"
        elif fields(korean) != named and not (isinstance(message.id, tuple) and fields(korean) <= named):
            yield f"other placeholders: {english!r} -> {korean!r}"
        elif FIXED.search(AFTER_BRACKET.sub("", korean)) or BOTH.search(korean):
            yield f"a fixed particle behind a placeholder (write {{name:이/가}}): {korean!r}"


def strings(node: ast.AST) -> Iterator[str]:
    """Yield the string constants in a piece of code."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def said_by_commands() -> set[str]:
    """Return what the command line says: helps, descriptions, and what goes through `say`."""
    found = set()
    for path in sorted((SOURCE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("help", "short_help", "about"):
                found |= set(strings(node.value))
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                found |= set(strings(node.args[0]))
            elif isinstance(node, ast.FunctionDef) and any(
                re.search("command|group", ast.unparse(d)) for d in node.decorator_list
            ):
                found |= set(paragraphs(ast.get_docstring(node) or ""))
    return {sentence for sentence in found if sentence.strip()} | said_of_gradients()


def said_of_gradients() -> set[str]:
    """Return the sentences that a comparison of gradients gives as its reasons; `badak gradcheck` says them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((SOURCE / "gradients.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Judgement":
            found |= set(strings(node.args[1]))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CAUSES":
            found |= set(strings(node.value))
    return found


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a description, each as one line."""
    return [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]


def raised() -> set[str]:
    """Return the sentences of errors that the command line may show, each placeholder as '{}'."""
    found = set()
    for name in ("cli", "data", "drawing", "graph.py", "language.py", "learn", "store.py", "train"):
        place = SOURCE / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                call = node.exc if isinstance(node, ast.Raise) else None
                if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr):
                    found.add(shape(call.args[0]))
    return {s for s in found if re.search("[a-z]{3}", s)}


def shape(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a string or an f-string with each placeholder as '{}'."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def instances(sentence: str) -> re.Pattern[str]:
    """Return the pattern of what a sentence becomes when its placeholders are filled."""
    return re.compile(".+?".join(map(re.escape, re.split(r"\{\w+\}", sentence))), re.DOTALL)


def missing(catalogues: dict[str, Catalog]) -> Iterator[str]:
    """Yield what the code says and a catalogue lacks, or the other way round."""
    if "cli" in catalogues:
        held = {str(message.id) for message in catalogues["cli"] if message.id}
        said = said_by_commands()
        yield from (f"cli: lacks {sentence!r}" for sentence in sorted(said - held))
        yield from (f"cli: nobody says {sentence!r}" for sentence in sorted(held - said))
    if "errors" in catalogues:
        known = [instances(str(message.id)) for message in catalogues["errors"] if message.id]
        for sentence in sorted(raised()):
            if not any(pattern.fullmatch(sentence) for pattern in known):
                yield f"errors: lacks {sentence!r}"


def main() -> int:
    """Write or check all of them."""
    checking = "--check" in sys.argv
    wrong: list[str] = []
    catalogues = {}
    for po in sorted(LOCALE.rglob("*.po")):
        catalogues[po.stem] = catalogue = read(po)
        wrong += [f"{po.name}: {fault}" for fault in faults(catalogue)]
        mo, content = po.with_suffix(".mo"), compiled(catalogue)
        if mo.exists() and sentences(mo.read_bytes()) == sentences(content):
            continue
        if checking:
            wrong.append(f"{mo} is not what its .po gives: run tools/catalogues.py")
        else:
            mo.write_bytes(content)
    wrong += missing(catalogues)
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
