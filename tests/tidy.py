"""The house rules that no linter knows. Each takes source and says where it is broken."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

LINES_PER_MODULE_MAX = 400
LINES_PER_FUNCTION_MAX = 50

# What calculator and analytics may import: the parts of the standard library that give the same answer
# whenever and wherever they are asked.
PURE = frozenset(
    ["bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "itertools", "typing"]
)
# What of these, or built in, is not pure all the same.
IMPURE_CALLS = frozenset(
    ["eval", "exec", "fromtimestamp", "input", "now", "open", "print", "today", "utcnow"]
)

SKIPS = frozenset(["importorskip", "skip", "skipTest", "skipif", "xfail"])
# What of httpx sends, or makes what sends.
HTTPX_CALLS = frozenset(
    ["AsyncClient", "Client", "delete", "get", "head", "options", "patch", "post", "put"]
) | {"request", "stream"}
ASSERTING = frozenset(["fail", "raises", "run_state_machine_as_test", "warns"])

# Put together here, so that this file may be searched too.
_FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:wo" r"rk|ro" r"ot|ho" r"me/\w+|Us" r"ers/\w+)/",
    "a folder beside the project": r"\.\./sha" r"red\b|\.lib" r"rary\b",
    "the host of a package registry": r"py"
    r"pi\.org|python"
    r"hosted|maven"
    r"\.org|apache"
    r"\.org/maven|npm"
    r"js|crates"
    r"\.io|golang"
    r"\.org|deb"
    r"ian\.org",
    "a note to do it later": r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
    "a word about how it was written": r"\b(?:Clau"
    r"de|Anthro"
    r"pic|Chat"
    r"GPT|LL"
    r"M|A"
    r"I)\b",
}
FORBIDDEN = {what: re.compile(pattern) for what, pattern in _FORBIDDEN.items()}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def impure_parts(source: str, *allowed: str) -> list[str]:
    """Imports that are neither PURE nor among `allowed`, and impure calls."""
    tree = ast.parse(source)
    found = sorted(_imported(tree) - PURE - set(allowed))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in IMPURE_CALLS:
            found.append(f"{_name(node.func)} in line {node.lineno}")
    return found


def floats(source: str) -> list[int]:
    """Lines with a float literal or the name `float`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]


def asks_a_proxy(source: str) -> list[int]:
    """Lines with a call of httpx that would go by the proxy that the environment names: on this
    machine nobody is behind one. A call with a transport of its own goes by none."""
    tree = ast.parse(source)
    origins = _origins(tree)

    def sends(called: ast.expr) -> bool:
        if isinstance(called, ast.Attribute):
            return _name(called.value) == "httpx" and called.attr in HTTPX_CALLS
        module, name = origins.get(_name(called), ("", ""))
        return module == "httpx" and name in HTTPX_CALLS

    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and sends(node.func) and not _is_direct(node)
    ]


def has_docstring(source: str) -> bool:
    """An empty module needs none: it has nothing to say."""
    return not source.strip() or ast.get_docstring(ast.parse(source)) is not None


def too_long(source: str) -> dict[str, int]:
    """Lines of the module, under the name "", and of functions that are beyond the limit."""
    lines = len(source.splitlines())
    found = {"": lines} if lines > LINES_PER_MODULE_MAX else {}
    for function in _functions(ast.parse(source)):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > LINES_PER_FUNCTION_MAX:
            found[function.name] = lines
    return found


def skips(source: str) -> list[int]:
    """Lines that keep a test from running or from failing."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute | ast.Name) and _name(node) in SKIPS
    ]


def tests_that_do_not_assert(sources: Mapping[str, str]) -> list[str]:
    """Test functions that assert nothing, neither themselves nor through the functions they call
    by name. `sources` by the names of their modules, which import from each other."""
    calls: dict[tuple[str, str], set[tuple[str, str]]] = {}
    asserting = set()
    for module, source in sources.items():
        tree = ast.parse(source)
        origins = _origins(tree)
        for function in _functions(tree):
            names = {n.func.id for n in _calls(function) if isinstance(n.func, ast.Name)}
            key = (module, function.name)
            calls[key] = {origins.get(name, (module, name)) for name in names}
            if _asserts(function):
                asserting.add(key)
    while more := {key for key in calls if key not in asserting and calls[key] & asserting}:
        asserting |= more
    return [
        name
        for module, name in calls
        if name.startswith("test_") and (module, name) not in asserting
    ]


def forbidden_words(text: str) -> list[str]:
    """What kind of word that must not be here, and in which line."""
    return [
        f"{what} in line {number}: {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if (found := pattern.search(line)) is not None
    ]


def files(root: Path) -> Iterator[Path]:
    """The project's own files: neither what is installed or stored nor what tools keep."""
    for path in sorted(root.iterdir()):
        if path.name == "__pycache__" or path.name.endswith((".egg-info", ".pyc")):
            continue
        if path.is_dir():
            if not path.name.startswith(".") or path.name == ".ci":
                yield from files(path)
        elif path.name != ".env":
            yield path


def _is_direct(call: ast.Call) -> bool:
    return any(
        word.arg == "transport"
        or (
            word.arg == "trust_env"
            and isinstance(word.value, ast.Constant)
            and word.value.value is False
        )
        for word in call.keywords
    )


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _imported(tree: ast.Module) -> set[str]:
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _origins(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Of each name imported from a module: that module, and the name there."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _calls(function: Function) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call)]


def _asserts(function: Function) -> bool:
    """An assertion of a constant says nothing."""
    return any(_name(call.func) in ASSERTING for call in _calls(function)) or any(
        (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant))
        or (isinstance(node, ast.Raise) and node.exc is not None and _raises_assertion(node.exc))
        for node in ast.walk(function)
    )


def _raises_assertion(exception: ast.expr) -> bool:
    called = exception.func if isinstance(exception, ast.Call) else exception
    return _name(called) == "AssertionError"
