"""The processor that the machine is compiled for: its vectors, and how many threads this process may use.

Nothing heavier than the standard library is imported here until a function asks the compiler what the host is.
"""

import functools
import math
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from badak.validate import positive, positive_text

HOST = "host"
CPUINFO = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
"""What tells one kind of processor from another, in Linux's words."""


@dataclass(frozen=True)
class Target:
    """One way of compiling the machine: which instructions, how wide a vector, how tall a register tile.

    `cpu` and `features` are LLVM's words; a `cpu` of HOST stands for this very processor with all that it can do, and
    is looked up when compiling. `bits` is the width of a vector, `rows` the height of the tallest tile (rows × 3
    vectors of sums, and 4 registers more, must fit in the register file), `fma` whether multiply-and-add is one
    instruction.
    """

    name: str
    cpu: str
    features: str
    bits: int
    rows: int
    fma: bool

    def lanes(self, itemsize: int) -> int:
        """Give how many numbers of `itemsize` bytes one vector holds."""
        return self.bits // (8 * itemsize)


@functools.cache
def host() -> tuple[str, dict[str, bool]]:
    """Give the processor's name and its features, as LLVM calls them."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), dict(llvm.get_host_cpu_features())


@functools.cache
def processor() -> tuple[str, frozenset[str]]:
    """Give what tells this processor from others, and the names of what it can do.

    Linux tells on x86-64, where its names are LLVM's as far as they matter here. Elsewhere LLVM is asked, which has
    to be loaded for that.
    """
    if sys.platform == "linux" and platform.machine() == "x86_64":
        told = _cpuinfo()
        if told.get("flags"):
            return repr([told.get(key) for key in CPUINFO]), frozenset(told["flags"].split())
    cpu, features = host()
    able = {name for name, on in features.items() if on}
    if cpu.startswith(("apple", "neoverse", "cortex")):
        able.add("neon")
    return repr((cpu, sorted(features.items()))), frozenset(able)


def _cpuinfo(path: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Give what Linux says of the first processor: names and values."""
    try:
        with path.open() as file:
            first, _, _ = file.read(16384).partition("\n\n")  # there may be hundreds, alike
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


@functools.cache
def available() -> dict[str, Target]:
    """Give every target that this processor can run, the best one first."""
    _, able = processor()
    found = {}
    if {"avx512f", "avx512vl", "avx512dq"} <= able:
        # LLVM avoids 512-bit registers on some processors unless told otherwise; our vectors are explicit.
        found["avx512"] = Target("avx512", HOST, "-prefer-256-bit", 512, 8, True)
    if {"avx2", "fma"} <= able:
        found["avx2"] = Target("avx2", "x86-64-v3", "", 256, 4, True)
    if "neon" in able:
        found["neon"] = Target("neon", HOST, "", 128, 8, True)
    # What every machine of this architecture has.
    found["plain"] = Target("plain", "x86-64" if "sse2" in able else "generic", "", 128, 4, False)
    return found


def in_words_of_llvm(target: Target) -> tuple[str, str]:
    """Give the processor and the features to compile for."""
    if target.cpu != HOST:
        return target.cpu, target.features
    cpu, features = host()
    own = [("+" if on else "-") + name for name, on in sorted(features.items())]
    return cpu, ",".join([*own, target.features] if target.features else own)


def choose(name: str | None = None) -> Target:
    """Give the target called `name`, else the one in BADAK_TARGET, else the best one of this processor.

    Raises ValueError for a target that this processor cannot run.
    """
    targets = available()
    name = name or os.environ.get("BADAK_TARGET") or next(iter(targets))
    if name not in targets:
        raise ValueError(f"this processor runs {', '.join(targets)}, not {name!r}")
    return targets[name]


def usable_cores() -> int:
    """Give how many cores this process may use: its affinity, and the quota of its control group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such call
        cores = os.cpu_count() or 1
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """Give how many cores' worth of time the control groups above this process allow, or None for no limit."""
    quotas = []
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            continue
        base = root if controllers == "" else root / "cpu"
        folder = base / path.lstrip("/")
        for level in (folder, *folder.parents):
            quotas.append(_read_quota(level))
            if level == base:
                break
    limits = [quota for quota in quotas if quota is not None]
    return min(limits) if limits else None


def _read_quota(folder: Path) -> float | None:
    """Read one control group's limit, in either version's files."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def thread_count(threads: int | None = None) -> int:
    """Give the number of threads: the argument, else BADAK_THREADS, else the usable cores.

    Raises TypeError for a number that is not whole and ValueError for one below 1.
    """
    if threads is None:
        text = os.environ.get("BADAK_THREADS", "").strip()
        return positive_text("BADAK_THREADS", text) if text else usable_cores()
    return positive("threads", threads)
