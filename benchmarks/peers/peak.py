"""What the cores can do at best: a loop of nothing but fused multiply-adds in registers, by hand-placed LLVM."""

import threading

import numba
import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils
from numba.extending import intrinsic

ACCUMULATORS = 12  # more than latency times units (4 x 2), fewer than there are registers (16)


def lanes():
    """float32 lanes of the host's widest vector."""
    features = binding.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


def chains(width):
    """A function (n, start) -> float that does n rounds of ACCUMULATORS independent fused multiply-adds."""
    vector, word = ir.VectorType(ir.FloatType(), width), ir.IntType(64)

    @intrinsic
    def rounds(context, n, start):
        def generate(context, builder, signature, arguments):
            n, start = arguments
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f32"
            )

            def splat(scalar):
                one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.IntType(32)(0))
                mask = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
                return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

            seed = splat(start)
            factor = splat(ir.FloatType()(0.5))
            entry = builder.block
            body, done = builder.append_basic_block("body"), builder.append_basic_block("done")
            builder.branch(body)
            builder.position_at_end(body)
            i = builder.phi(word)
            i.add_incoming(word(0), entry)
            sums = [builder.phi(vector) for _ in range(ACCUMULATORS)]
            following = []
            for k, total in enumerate(sums):
                # Each chain starts elsewhere, or the compiler would keep one of them for all.
                total.add_incoming(starts(vector, width, k), entry)
                following.append(builder.call(fma, [total, factor, seed]))
            for total, value in zip(sums, following, strict=True):
                total.add_incoming(value, body)
            more = builder.add(i, word(1))
            i.add_incoming(more, body)
            builder.cbranch(builder.icmp_signed("<", more, n), body, done)
            builder.position_at_end(done)
            result = following[0]
            for value in following[1:]:
                result = builder.fadd(result, value)
            return builder.extract_element(result, ir.IntType(32)(0))

        return numba.float32(numba.int64, numba.float32), generate

    @numba.njit(nogil=True)
    def run(n, start):
        return rounds(n, start)

    return run


def starts(vector, width, k):
    return ir.Constant(vector, [float(k + 1)] * width)


class Peak:
    """`run()` does `flops` operations on each of `threads` threads."""

    unit = 1
    rounds = 2_000_000

    def __init__(self, threads):
        width = lanes()
        self.chain = chains(width)
        self.threads = threads
        self.flops = 2 * width * ACCUMULATORS * self.rounds * threads
        self.note = f"{width} lanes"
        self.results = np.zeros(threads, np.float32)
        self.work(0)

    def work(self, i):
        self.results[i] = self.chain(self.rounds, np.float32(0.25))

    def run(self):
        """One call on each thread."""
        others = [threading.Thread(target=self.work, args=(i,)) for i in range(1, self.threads)]
        for thread in others:
            thread.start()
        self.work(0)
        for thread in others:
            thread.join()
        return self.results


def peak(job):
    return Peak(job.threads)
