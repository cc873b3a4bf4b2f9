"""The engine: the same training step, native.

A Network becomes a *tape* of instructions, which one compiled function, the *machine*, carries out for many batches
without coming back to Python. The files in the order in which a network passes them:

    opcodes.py    the instructions, one line each
    lower.py      from layers to lines: one rule for each class of layer; rules.py, images.py: more of them
    updates.py    the optimizers: their instructions, and the numbers of each step
    plan.py       where everything lies, and where threads must meet
    verify.py     every tape is checked before it runs
    listing.py    … and can be printed: `badak.listing(network)`
    machine.py    what each instruction does, in plain Python over the kernels
    elements.py   … value by value, row by row, column by column; machine_images.py: … and with images
    kernels.py    the inner loops, in vector instructions; vectors.py: formulas over vectors
    compiler.py   from that Python to LLVM's language; build.py compiles it once and keeps it on disk;
    source.py     … from the text that it is named by; linker.py: in one piece, which is loaded without LLVM
    trial.py      … and tries it once against the layers
    target.py     the processor at hand; crew.py: the threads
    tapes.py      a tape with its memory, ready to run
    runner.py     training for `fit`; calls.py: `network.gradient`, `loss`, `predict` and `accuracy`
"""
