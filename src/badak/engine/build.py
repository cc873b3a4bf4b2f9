"""Compile the machine once for each installation and processor, and keep it on disk.

compiler.py turns machine.py into LLVM's language and llvmlite that into machine code; what is kept is that code
alone, named by a digest of everything that it depends on (these sources, the llvmlite installed, the processor).
Loading it takes a millisecond and, where linker.py can make one piece of it, no LLVM. A file that is missing, foreign,
damaged or not ours is passed over and the machine compiled again; a folder that cannot be written costs the time of
compiling, nothing else.
"""

import ctypes
import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from badak.engine import linker
from badak.engine import target as targets
from badak.engine.target import Target

SYMBOL = "badak_machine"
ONE_PIECE = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether compiled code is made into one piece here (linker.py); else LLVM loads it."""
Machine = Callable[[int, int], int]
"""`machine(frame, me)`: the address of a frame and the number of the thread; 0 when done, negative if stopped."""

_loaded: dict[tuple[str, int], Machine] = {}
_failed: str | None = None  # why there is no machine, if once there was none
_lock = threading.Lock()
_alive: list[Any] = []  # the code lives as long as these do


class CannotCompile(Exception):
    """Says why there is no machine: llvmlite is missing, or failed."""


def machine(itemsize: int, target: Target | None = None) -> Machine:
    """Give the machine for numbers of `itemsize` bytes: from memory, from disk, or newly compiled.

    Raises CannotCompile.
    """
    global _failed  # noqa: PLW0603
    with _lock:
        if _failed is not None:
            raise CannotCompile(_failed)
        try:
            target = target or targets.choose()
            key = (target.name, itemsize)
            if key not in _loaded:
                _loaded[key] = _get(itemsize, target)
            return _loaded[key]
        except ImportError as error:
            _failed = f"llvmlite is not installed ({error})"
        except CannotCompile as error:
            _failed = str(error)
        tell(f"badak: computing on NumPy: {_failed}")
        raise CannotCompile(_failed)


def missing(itemsize: int) -> str | None:
    """Give the reason why there is no machine here, and tell the user once; None where there is one."""
    try:
        machine(itemsize)
    except CannotCompile as error:
        return str(error)
    return None


def _get(itemsize: int, target: Target) -> Machine:
    name = f"{target.name}-f{8 * itemsize}-{_digest(target)[:32]}.machine"
    for folder in cache_folders():
        code = _read(folder / name)
        if code is not None:
            try:
                return load(code, target)
            except Exception:  # a damaged file must not stop anyone: it is compiled anew
                continue
    try:
        tell(f"badak: compiling the engine for this processor ({target.name}), once …")
        code = compile_machine(itemsize, target)
        ready = load(code, target)
    except Exception as error:
        raise CannotCompile(f"the engine could not be compiled ({type(error).__name__}: {error})") from error
    for folder in cache_folders():
        if _write(folder / name, code):
            break
    return ready


def tell(sentence: str) -> None:
    """Say one line to the user, beside the program's own output."""
    print(sentence, file=sys.stderr, flush=True)


# -- where it is kept -------------------------------------------------------------------------------------------


def cache_folders() -> list[Path]:
    """Give the folders where compiled machines are looked for and kept, in order of preference."""
    own = os.environ.get("BADAK_CACHE")
    if own:
        return [Path(own)]
    folders = [Path(__file__).with_name("__pycache__")]
    try:
        import platformdirs

        folders.append(Path(platformdirs.user_cache_dir("badak", appauthor=False)))
    except ImportError:
        pass
    return folders


def _digest(target: Target) -> str:
    """Give a digest of all that the code depends on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    places = (_installed(), platform.machine(), sys.platform, targets.processor()[0])
    for part in (*places, repr(target), sys.implementation.cache_tag or ""):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _installed() -> str:
    """Give what changes when another llvmlite is installed, without the cost of importing it."""
    try:
        found = importlib.util.find_spec("llvmlite")
        return "" if found is None or found.origin is None else str(Path(found.origin).stat().st_mtime_ns)
    except (ImportError, ValueError, OSError):
        return ""


def _read(path: Path) -> bytes | None:
    """Give the code in a file of ours, or None if it is missing, damaged or belongs to somebody else."""
    try:
        if hasattr(os, "getuid") and path.stat().st_uid not in (os.getuid(), 0):
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(path: Path, code: bytes) -> bool:
    """Keep the code, whole or not at all; say whether that was possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".machine")
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        return False
    return True


# -- compiling and loading --------------------------------------------------------------------------------------


def compile_machine(itemsize: int, target: Target) -> bytes:
    """Compile the machine for one width of numbers and one target; give the object code."""
    from badak.engine.machine import define
    from badak.engine.vectors import Kind

    kind = Kind(8 * itemsize, target.lanes(itemsize), target.rows, target.fma)
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
    return compile_function(define(kind, compress=target.name == "avx512", x86=x86), kind.real, target)


def compile_bench(itemsize: int, target: Target) -> bytes:
    """Compile what bench.py measures: the peak of a core, and the tallest tile alone."""
    from badak.engine.machine import define_bench
    from badak.engine.vectors import Kind

    kind = Kind(8 * itemsize, target.lanes(itemsize), target.rows, target.fma)
    return compile_function(define_bench(kind), kind.real, target)


def compile_function(function: Callable[[int, int], int], real: Any, target: Target) -> bytes:
    """Compile a Python function of two integers to object code for `target`, under the name SYMBOL."""
    import llvmlite.binding as llvm

    from badak.engine.compiler import Compiler

    compiler = Compiler(real)
    entry = compiler.function(function)
    entry.linkage = ""
    entry.name = SYMBOL
    _initialize(llvm)
    machine = _target_machine(llvm, target)
    compiler.module.triple = machine.triple
    compiler.module.data_layout = str(machine.target_data)
    module = llvm.parse_assembly(str(compiler.module))
    module.verify()
    # Vectors are explicit: LLVM is to keep them in registers, not to think of other ones.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    outside = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    if outside:
        raise RuntimeError(f"the machine calls what it should not: {', '.join(outside)}")
    code: bytes = machine.emit_object(module)
    return (linker.link(code, SYMBOL) if ONE_PIECE else None) or code


def load(code: bytes, target: Target) -> Machine:
    """Make compiled code callable. The call gives Python's lock up, so that threads run at the same time."""
    address, keeps = linker.place(code) if code.startswith(linker.MAGIC) else _link_by_llvm(code, target)
    _alive.append(keeps)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)


def _link_by_llvm(code: bytes, target: Target) -> tuple[int, Any]:
    """Give the address of an object file's function in memory, and LLVM's engine, which keeps it there."""
    import llvmlite.binding as llvm

    _initialize(llvm)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine(llvm, target))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(SYMBOL)
    if not address:
        raise ValueError(f"the code has no {SYMBOL}")
    return address, engine


def _initialize(llvm: Any) -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target_machine(llvm: Any, target: Target) -> Any:
    triple = llvm.Target.from_default_triple()
    cpu, features = targets.in_words_of_llvm(target)
    model: dict[str, Any] = {"reloc": "pic", "codemodel": "small"} if ONE_PIECE else {}
    return triple.create_target_machine(cpu=cpu, features=features, opt=2, jit=True, **model)
