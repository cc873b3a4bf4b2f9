"""A small compiler: Python functions of whole numbers, to LLVM's language.

It knows what machine.py needs and no more: functions of int64 (parameters annotated `float` are the machine's
kind of number), assignments, `if`, `while`, `for … in range(…)`, `return`, arithmetic and comparisons, and calls of
other such functions and of kernels (kernels.py). Names that are not local are looked up once, in Python, when the
function is compiled: constants become constants. What is unknown raises SyntaxError with its line.

`//` and `%` are the processor's: they agree with Python's for numbers of one sign, which sizes and places have.

Numba compiles the same machine too, but needs 16 seconds where this needs one or two, since it infers and optimises
each of some 60 functions separately; and half a second is gone when it is imported.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from llvmlite import ir

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


class Kernel:
    """Instructions written by hand: `write(builder, *arguments)` gives the result's value, or None.

    In machine.py a kernel is called like a function. `inline` puts its instructions at the place of the call; else
    they become a function of their own.
    """

    def __init__(
        self, write: Callable[..., Any], result: Any = None, *, inline: bool = False, name: str = "kernel"
    ) -> None:
        self.write, self.result, self.inline, self.name = write, result, inline, name

    def __call__(self, *_: Any) -> Any:
        """Say that this is no Python function (and give a type checker something to see)."""
        raise TypeError("a kernel runs only inside the compiled machine")


class Compiler:
    """One module of LLVM being written; `real` is LLVM's type of the machine's numbers."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.module = ir.Module("badak")
        self._functions: dict[Any, Any] = {}

    def function(self, python: Callable[..., Any]) -> Any:
        """Give the LLVM function of a Python function, compiled at its first use."""
        if python not in self._functions:
            tree = ast.parse(textwrap.dedent(inspect.getsource(python))).body[0]
            if not isinstance(tree, ast.FunctionDef):
                raise SyntaxError(f"{python!r} is not a plain function")
            takes = [self._type(a.annotation) for a in tree.args.args]
            signature = ir.FunctionType(self._type(tree.returns), takes)
            function = ir.Function(self.module, signature, f"{python.__name__}.{len(self._functions)}")
            function.linkage = "internal"
            self._functions[python] = function
            _Writer(self, python, tree, function).write()
        return self._functions[python]

    def kernel(self, kernel: Kernel, arguments: list[Any]) -> Any:
        """Give the LLVM function of a kernel for arguments of these types."""
        key = (kernel, *[str(a.type) for a in arguments])
        if key not in self._functions:
            signature = ir.FunctionType(kernel.result or ir.VoidType(), [a.type for a in arguments])
            function = ir.Function(self.module, signature, f"{kernel.name}.{len(self._functions)}")
            function.linkage = "internal"
            self._functions[key] = function
            builder = ir.IRBuilder(function.append_basic_block("entry"))
            result = kernel.write(builder, *function.args)
            builder.ret_void() if result is None else builder.ret(result)
        return self._functions[key]

    def _type(self, annotation: Any) -> Any:
        """Give the type that an annotation stands for: int64 where there is none."""
        if annotation is None:
            return I64
        text = ast.unparse(annotation)
        if text == "None":
            return ir.VoidType()
        if text.startswith("tuple["):
            return ir.LiteralStructType([I64] * (text.count(",") + 1))
        return self.real if text == "float" else I64


class _Writer:
    """Writes the body of one function."""

    def __init__(self, compiler: Compiler, python: Any, tree: ast.FunctionDef, function: Any) -> None:
        self.compiler, self.python, self.tree, self.function = compiler, python, tree, function
        self.entry = function.append_basic_block("entry")
        self.b = ir.IRBuilder(function.append_basic_block("body"))
        self.variables: dict[str, Any] = {}
        cells = zip(python.__code__.co_freevars, python.__closure__ or (), strict=True)
        self.outside = {**python.__globals__, **{name: cell.cell_contents for name, cell in cells}}

    def write(self) -> None:
        first = self.b.block
        for argument, value in zip(self.tree.args.args, self.function.args, strict=True):
            self.assign(argument.arg, value)
        self.statements(self.tree.body)
        if not self.b.block.is_terminated:
            if not isinstance(self.function.ftype.return_type, ir.VoidType):
                self.refuse(self.tree, "a path gives nothing back")
            self.b.ret_void()
        ir.IRBuilder(self.entry).branch(first)

    def refuse(self, node: ast.AST, why: str) -> None:
        line = self.python.__code__.co_firstlineno + getattr(node, "lineno", 1) - 1
        raise SyntaxError(f"{self.python.__code__.co_filename}:{line}: {why}: {ast.unparse(node)}")

    def assign(self, name: str, value: Any) -> None:
        if name not in self.variables:
            with self.b.goto_block(self.entry):
                self.variables[name] = self.b.alloca(value.type, name=name)
        place = self.variables[name]
        if place.type.pointee != value.type:
            raise SyntaxError(f"{self.python.__name__}: {name} was {place.type.pointee} and becomes {value.type}")
        self.b.store(value, place)

    # -- statements -------------------------------------------------------------------------------------------------

    def statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.b.block.is_terminated:
                return
            getattr(self, f"do_{type(node).__name__}", self.unknown)(node)

    def unknown(self, node: Any) -> None:
        self.refuse(node, "this compiler does not know")

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def do_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Tuple):
            if isinstance(node.value, ast.Tuple):
                values = [self.value(each) for each in node.value.elts]
            else:
                whole = self.value(node.value)
                values = [self.b.extract_value(whole, i) for i in range(len(target.elts))]
            for each, value in zip(target.elts, values, strict=True):
                assert isinstance(each, ast.Name)
                self.assign(each.id, value)
        else:
            assert isinstance(target, ast.Name)
            self.assign(target.id, self.value(node.value))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        now = self.b.load(self.variables[node.target.id])
        self.assign(node.target.id, self.arithmetic(node, node.op, now, self.value(node.value)))

    def do_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self.b.ret_void()
        elif isinstance(node.value, ast.Tuple):
            result = ir.Constant(self.function.ftype.return_type, ir.Undefined)
            for i, each in enumerate(node.value.elts):
                result = self.b.insert_value(result, self.value(each), i)
            self.b.ret(result)
        else:
            self.b.ret(self.value(node.value))

    def do_If(self, node: ast.If) -> None:
        condition = self.truth(node.test)
        if isinstance(condition, ir.Constant):  # known while compiling: only one side is there
            self.statements(node.body if condition.constant else node.orelse)
            return
        then, other, after = (self.b.append_basic_block(n) for n in ("then", "else", "after"))
        self.b.cbranch(condition, then, other)
        reached = False
        for block, body in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(block)
            self.statements(body)
            if not self.b.block.is_terminated:
                self.b.branch(after)
                reached = True
        self.b.position_at_end(after)
        if not reached:
            self.b.unreachable()

    def do_While(self, node: ast.While) -> None:
        test, body, after = (self.b.append_basic_block(n) for n in ("test", "loop", "after"))
        self.b.branch(test)
        self.b.position_at_end(test)
        self.b.cbranch(self.truth(node.test), body, after)
        self.b.position_at_end(body)
        self.statements(node.body)
        if not self.b.block.is_terminated:
            self.b.branch(test)
        self.b.position_at_end(after)

    def do_For(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"):
            self.refuse(node.iter, "only range can be gone through")
        assert isinstance(call, ast.Call)
        assert isinstance(node.target, ast.Name)
        bounds = [self.value(each) for each in call.args]
        start, stop = (I64(0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else I64(1)
        # A counter of its own: the body may assign to the variable, as Python allows.
        with self.b.goto_block(self.entry):
            counter = self.b.alloca(I64)
        self.b.store(start, counter)
        test, body, after = (self.b.append_basic_block(n) for n in ("test", "loop", "after"))
        self.b.branch(test)
        self.b.position_at_end(test)
        now = self.b.load(counter)
        self.b.cbranch(self.b.icmp_signed("<", now, stop), body, after)
        self.b.position_at_end(body)
        self.assign(node.target.id, now)
        self.statements(node.body)
        if not self.b.block.is_terminated:
            self.b.store(self.b.add(now, step), counter)
            self.b.branch(test)
        self.b.position_at_end(after)

    # -- values -----------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        """Give the LLVM value of an expression."""
        if isinstance(node, ast.Name) and node.id in self.variables:
            return self.b.load(self.variables[node.id])
        if isinstance(node, ast.Constant | ast.Name | ast.Attribute):
            return self.constant(node, self.known(node))
        return getattr(self, f"give_{type(node).__name__}", self.unknown)(node)

    def known(self, node: ast.expr) -> Any:
        """Look a name up in Python."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            if node.id in self.outside:
                return self.outside[node.id]
            return getattr(__import__("builtins"), node.id)
        assert isinstance(node, ast.Attribute)
        return getattr(self.known(node.value), node.attr)

    def constant(self, node: ast.AST, value: Any) -> Any:
        if isinstance(value, bool):
            return I1(int(value))
        if isinstance(value, int):
            return I64(int(value))
        if isinstance(value, float):
            return ir.Constant(self.compiler.real, value)
        self.refuse(node, f"{value!r} is no number")
        return None

    def truth(self, node: ast.expr) -> Any:
        """Give a condition, as a constant where it is one."""
        if isinstance(node, ast.Name) and node.id not in self.variables:
            return I1(int(bool(self.known(node))))
        value = self.value(node)
        return value if value.type == I1 else self.b.icmp_signed("!=", value, I64(0))

    def give_BinOp(self, node: ast.BinOp) -> Any:
        return self.arithmetic(node, node.op, self.value(node.left), self.value(node.right))

    def arithmetic(self, node: ast.AST, op: ast.operator, left: Any, right: Any) -> Any:
        if left.type == I64 and right.type == I64:
            names = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem",
                     ast.RShift: "ashr", ast.LShift: "shl", ast.BitAnd: "and_", ast.BitOr: "or_"}  # fmt: skip
        else:
            left, right = (self.b.sitofp(v, self.compiler.real) if v.type == I64 else v for v in (left, right))
            names = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
        if type(op) not in names:
            self.refuse(node, "this compiler does not know")
        return getattr(self.b, names[type(op)])(left, right)

    def give_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self.b.not_(self.truth(node.operand))
        value = self.value(node.operand)
        return self.b.neg(value) if value.type == I64 else self.b.fneg(value)

    def give_Compare(self, node: ast.Compare) -> Any:
        signs = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
        if len(node.ops) > 1:
            self.refuse(node, "one comparison at a time")
        left, right, sign = self.value(node.left), self.value(node.comparators[0]), signs[type(node.ops[0])]
        if left.type == right.type == I64:
            if isinstance(left, ir.Constant) and isinstance(right, ir.Constant):
                return I1(int(eval(f"{left.constant} {sign} {right.constant}")))
            return self.b.icmp_signed(sign, left, right)
        left, right = (self.b.sitofp(v, self.compiler.real) if v.type == I64 else v for v in (left, right))
        return (self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered)(sign, left, right)

    def give_BoolOp(self, node: ast.BoolOp) -> Any:
        # Both sides are computed: no side has an effect here.
        values = [self.truth(each) for each in node.values]
        join = min if isinstance(node.op, ast.And) else max
        if all(isinstance(v, ir.Constant) for v in values):
            return I1(join(v.constant for v in values))
        result = values[0]
        for value in values[1:]:
            result = (self.b.and_ if isinstance(node.op, ast.And) else self.b.or_)(result, value)
        return result

    def give_IfExp(self, node: ast.IfExp) -> Any:
        return self.b.select(self.truth(node.test), self.value(node.body), self.value(node.orelse))

    def give_Call(self, node: ast.Call) -> Any:
        called = self.known(node.func)
        arguments = [self.value(each) for each in node.args]
        if called in (min, max):
            first, second = arguments
            return self.b.select(self.b.icmp_signed("<" if called is min else ">", first, second), first, second)
        if called is float:
            return self.b.sitofp(arguments[0], self.compiler.real)
        if isinstance(called, Kernel):
            if called.inline:
                return called.write(self.b, *arguments)
            return self.b.call(self.compiler.kernel(called, arguments), arguments)
        return self.b.call(self.compiler.function(called), arguments)
