"""Compile the machine once for each installation and processor, and keep it on disk.

compiler.py turns machine.py into LLVM's language and llvmlite that into machine code; what is kept is that code
alone, named by a digest of everything that it depends on (these sources, the llvmlite installed, the processor).
Loading it takes a millisecond and, where linker.py can make one piece of it, no LLVM. A file that is missing, foreign,
damaged or not ours is passed over and the machine compiled again; a folder that cannot be written costs the time of
compiling, nothing else.
"""

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import platform
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from badak.engine import linker, source, trial
from badak.engine import target as targets
from badak.engine.opcodes import Machine
from badak.engine.target import Target

T = TypeVar("T")
SYMBOL = "badak_machine"
LARGEST = 1 << 26
"""So many bytes a file in the cache may have; a machine takes one hundredth of it."""
ONE_PIECE = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether compiled code is made into one piece here (linker.py); else LLVM loads it."""

_loaded: dict[tuple[str, int], Machine] = {}
_failed: str | None = None  # why there is no machine, if once there was none
_lock = threading.RLock()


class CannotCompile(Exception):
    """Says why there is no machine: llvmlite is missing, or failed."""


def machine(itemsize: int, target: Target | None = None) -> Machine:
    """Give the machine for numbers of `itemsize` bytes: from memory, from disk, or newly compiled.

    Raises CannotCompile.
    """
    if _failed is not None:
        raise CannotCompile(_failed)
    with contextlib.suppress(ImportError):  # where the system does not tell the processor, llvmlite is asked
        target = target or targets.choose()
    ready = _loaded.get((target.name, itemsize)) if target else None
    if ready is not None:
        return ready
    found = _undisturbed(lambda: _find(itemsize, target))
    if isinstance(found, str):
        raise CannotCompile(found)
    return found


def _undisturbed(work: Callable[[], T]) -> T:
    """Do the work in a thread of its own: a signal's handler raises in the main thread, and nobody may catch that.

    Who is interrupted while waiting leaves the work to go on, and finds its result the next time.
    """
    done: list[tuple[T | None, BaseException | None]] = []

    def run() -> None:
        try:
            done.append((work(), None))
        except BaseException as error:
            done.append((None, error))

    thread = threading.Thread(target=run, name="badak build", daemon=False)
    try:
        thread.start()
    except RuntimeError:
        if thread.ident is not None:
            raise
        run()  # the system gives no more threads
    else:
        thread.join()
    result, error = done[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _find(itemsize: int, target: Target | None) -> Machine | str:
    """Give the machine, or why there is none; tell the user that, once."""
    global _failed  # noqa: PLW0603
    with _lock:
        if _failed is not None:
            return _failed
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
        return _failed


def _after_fork() -> None:
    with contextlib.suppress(RuntimeError):  # whoever waited for it was interrupted
        _lock.release()


if hasattr(os, "register_at_fork"):  # LLVM has a lock of its own: nobody is to hold it while the process is copied
    os.register_at_fork(before=_lock.acquire, after_in_parent=_after_fork, after_in_child=_after_fork)


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
                ready = load(code, target)
                if trial.fault(ready, itemsize, target.lanes(itemsize)) is None:
                    return ready
            except Exception:  # a damaged file must not stop anyone: it is compiled anew
                continue
    try:
        tell(f"badak: compiling the engine for this processor ({target.name}), once …")
        code = compile_machine(itemsize, target)
        ready = load(code, target)
        fault = trial.fault(ready, itemsize, target.lanes(itemsize))
    except Exception as error:
        raise CannotCompile(f"the engine could not be compiled ({type(error).__name__}: {error})") from error
    if fault is not None:
        raise CannotCompile(f"the engine was compiled, and does not compute what NumPy does ({fault})")
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
    for module, text in source.TEXTS.items():
        digest.update(module.encode() + b"\0" + text + b"\0")
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
    """Give the code in a file of ours, or None if it is missing, damaged, or others may have written it."""
    try:
        with contextlib.ExitStack() as stack:
            folder = _opened(path.parent)
            if folder is not None:
                stack.callback(os.close, folder)
                _refuse_others(os.fstat(folder))
            # What was opened is looked at, not what its name stands for by then; a pipe is not waited for.
            careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            place: Any = path if folder is None else path.name
            file = stack.enter_context(os.fdopen(os.open(place, os.O_RDONLY | careful, dir_fd=folder), "rb"))
            told = os.fstat(file.fileno())
            _refuse_others(told)
            if not stat.S_ISREG(told.st_mode) or told.st_size > LARGEST:
                return None
            content = file.read(LARGEST)
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if hashlib.sha256(code).digest() == digest else None


def _opened(folder: Path) -> int | None:
    """Open a folder to look at it, and give its descriptor; None on systems that open none."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if os.open in os.supports_dir_fd else None


def _refuse_others(told: os.stat_result) -> None:
    """Raise OSError for a file or folder that others own or may write: what lies in it would be run."""
    if not hasattr(os, "getuid"):
        return
    if told.st_uid not in (os.getuid(), 0) or told.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others may write it")


def _write(path: Path, code: bytes) -> bool:
    """Keep the code, whole or not at all; say whether that was possible, and `_read` would take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_others(path.parent.stat())
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
    modules = source.Modules(source.TEXTS)
    kind = _kind(modules, itemsize, target)
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
    define = modules.get("machine").define
    return compile_function(define(kind, compress=target.name == "avx512", x86=x86), kind.real, target, modules)


def compile_bench(itemsize: int, target: Target) -> bytes:
    """Compile what bench.py measures: the peak of a core, and the tallest tile alone."""
    modules = source.Modules(source.TEXTS)
    kind = _kind(modules, itemsize, target)
    return compile_function(modules.get("machine").define_bench(kind), kind.real, target, modules)


def _kind(modules: source.Modules, itemsize: int, target: Target) -> Any:
    return modules.get("vectors").Kind(8 * itemsize, target.lanes(itemsize), target.rows, target.fma)


def compile_function(
    function: Callable[[int, int], int], real: Any, target: Target, modules: source.Modules | None = None
) -> bytes:
    """Compile a Python function of two integers to object code for `target`, under the name SYMBOL.

    `modules` are those that the function and its kernels are from.
    """
    import llvmlite.binding as llvm

    compiler = (modules or source.Modules(source.TEXTS)).get("compiler").Compiler(real)
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
    """Make compiled code callable, for as long as the process lives: threads may run it to its very end.

    The call gives Python's lock up, so that threads run at the same time.
    """
    address = linker.place(code) if code.startswith(linker.MAGIC) else _link_by_llvm(code, target)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)


def _link_by_llvm(code: bytes, target: Target) -> int:
    """Give the address of an object file's function in memory; LLVM's engine keeps it there, and nobody ends that."""
    import llvmlite.binding as llvm

    _initialize(llvm)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine(llvm, target))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(SYMBOL)
    if not address:
        raise ValueError(f"the code has no {SYMBOL}")
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    return int(address)


def _initialize(llvm: Any) -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _target_machine(llvm: Any, target: Target) -> Any:
    triple = llvm.Target.from_default_triple()
    cpu, features = targets.in_words_of_llvm(target)
    model: dict[str, Any] = {"reloc": "pic", "codemodel": "small"} if ONE_PIECE else {}
    return triple.create_target_machine(cpu=cpu, features=features, opt=2, jit=True, **model)
