"""Rewrite a few modules of an installed layer, because importing them costs more than a function gets of it.

What they offer stays as it is, which tests/template/test_rewritten_modules.py proves; tests/benchmarks counts what it
saves. What no longer fits another version of a package fails the build.
"""

import ast
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

UNUSED_MODULES = {
    # Docstrings of generated methods, rendered by forty modules that a function never calls.
    "botocore/docs/__init__.py": '"""Emptied: see rewrite_modules.py."""\n',
    "botocore/docs/docstring.py": """\"\"\"Replaced: generated methods have no docstrings. See rewrite_modules.py.\"\"\"


class NoDocstring(str):
    __slots__ = ()

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)


ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = NoDocstring
""",
    # Switching urllib3 to HTTP/2, which botocore never does; it imports importlib.metadata.
    "urllib3/http2/__init__.py": '"""Emptied: see rewrite_modules.py."""\n',
    # The search for plug-ins, which reads the metadata of every package here: there are none.
    "pydantic/plugin/_loader.py": """\"\"\"Replaced: no plug-in is installed. See rewrite_modules.py.\"\"\"


def get_plugins():
    return ()
""",
}
"""Modules that cost a cold start 65 M instructions and do nothing for a function."""

LAZY_PACKAGES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/event_handler/openapi",
    "aws_lambda_powertools/utilities/data_classes",
)
"""Packages that import all their modules, asyncio among them, to offer every name in one place: 110 M instructions.
They go on offering every name, and import a module when one of its names is asked for."""

EDITS = {
    # Looks at every handler that is registered, some two hundred; what is written in Python says it itself.
    "botocore/compat.py": {
        "    return inspect.getfullargspec(func)[2]\n": """\
    call = func if hasattr(func, '__code__') else type(func).__call__
    code = getattr(call, '__code__', None)
    if code is None or hasattr(func, '__signature__'):
        return inspect.getfullargspec(func)[2]
    if not code.co_flags & 0x08:
        return None
    named = code.co_argcount + code.co_kwonlyargcount
    return code.co_varnames[named + bool(code.co_flags & 0x04)]
""",
        "import xml.etree.ElementTree as ETree\nXMLParseError = ETree.ParseError\n": """\
import xml.etree.ElementTree as ETree
from xml.etree.ElementTree import ParseError as XMLParseError
""",
        # The data left here is not compressed.
        """\
try:
    import gzip
    HAS_GZIP = True
except ImportError:
    HAS_GZIP = False
""": "HAS_GZIP = False\n",
        'IPV6_ADDRZ_RE = re.compile("^" + IPV6_ADDRZ_PAT + "$")\n': """\
from urllib3.util.url import _Ipv6Pattern

IPV6_ADDRZ_RE = _Ipv6Pattern(":", "^" + IPV6_ADDRZ_PAT + "$")
""",
    },
    # Used once there is a configuration file or a cached token, which a function has not.
    "botocore/configloader.py": {
        "import configparser\n": "",
        "        cp = configparser.": "        import configparser\n\n        cp = configparser.",
    },
    # Dataclasses are made of source text, which is compiled at each start; a namespace compares and prints the same.
    "botocore/context.py": {
        "from dataclasses import dataclass, field\n": "from types import SimpleNamespace\n",
        "@dataclass\nclass ClientContext:\n": "class ClientContext(SimpleNamespace):\n",
        "    features: set[str] = field(default_factory=set)\n": """\
    def __init__(self, features=None):
        super().__init__(features=set() if features is None else features)
""",
    },
    "botocore/plugin.py": {
        "from dataclasses import dataclass\n": "from types import SimpleNamespace\n",
        "@dataclass\nclass PluginContext:\n": "class PluginContext(SimpleNamespace):\n",
        "    plugins: str | None = None\n": """\
    def __init__(self, plugins=None):
        super().__init__(plugins=plugins)
""",
    },
    # Defaults of providers that a function never gets to: its credentials are in its environment.
    "botocore/credentials.py": {
        "        prompter=getpass.getpass,\n": "        prompter=None,\n",
        "load_config, popen=subprocess.Popen):": "load_config, popen=None):",
        "        p = self._popen(\n": "        p = (self._popen or subprocess.Popen)(\n",
    },
    # PyOpenSSL is not installed.
    "botocore/httpsession.py": {
        """\
try:
    # pyopenssl will be removed in urllib3 2.0, we'll fall back to ssl_ at that point.
    # This can be removed once our urllib3 floor is raised to >= 2.0.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=DeprecationWarning)
        # Always import the original SSLContext, even if it has been patched
        from urllib3.contrib.pyopenssl import (
            orig_util_SSLContext as SSLContext,
        )
except (AttributeError, ImportError):
    from urllib3.util.ssl_ import SSLContext
""": "from urllib3.util.ssl_ import SSLContext\n",
    },
    "botocore/utils.py": {
        "from pathlib import Path\n": "",
        "            key_path = Path(": "            from pathlib import Path\n\n            key_path = Path(",
        # What urllib.request finds on Linux, without its import, where there is nothing to find.
        "    if should_bypass_proxies(url):\n": """\
    if not any(name.lower().endswith('_proxy') for name in os.environ):
        return {}
    if should_bypass_proxies(url):
""",
    },
    # On this Python these names are those of typing.
    "msgspec/_utils.py": {
        "from typing_extensions import get_type_hints": "from typing import get_type_hints",
        "from typing_extensions import NotRequired": "from typing import NotRequired",
    },
    # The patterns of IPv6 take long to compile. A text without their sign matches none of them.
    "urllib3/util/url.py": {
        "_SCHEME_RE = re.compile(": """\
class _Ipv6Pattern:
    def __init__(self, sign, pattern, without=None):
        self.sign, self.pattern = sign, pattern
        self.without = re.compile(without) if without else None

    def match(self, text):
        if self.sign in text:
            return re.match(self.pattern, text)
        return self.without and self.without.match(text)

    def fullmatch(self, text):
        if self.sign in text:
            return re.fullmatch(self.pattern, text)
        return self.without and self.without.fullmatch(text)


_SCHEME_RE = re.compile(""",
        '_IPV6_RE = re.compile("^" + _IPV6_PAT + "$")\n': "",
        '\n_IPV6_ADDRZ_RE = re.compile("^"': '\n_IPV6_ADDRZ_RE = _Ipv6Pattern(":", "^"',
        '_BRACELESS_IPV6_ADDRZ_RE = re.compile("^"': '_BRACELESS_IPV6_ADDRZ_RE = _Ipv6Pattern(":", "^"',
        "_HOST_PORT_RE = re.compile(_HOST_PORT_PAT, re.UNICODE | re.DOTALL)": """\
_HOST_PORT_RE = _Ipv6Pattern(
    "[", _HOST_PORT_PAT, _HOST_PORT_PAT.replace("|" + _IPV6_ADDRZ_PAT, "")
)""",
    },
}
"""Lines replaced: imports, patterns and classes that a function has no use for."""

DEFERRED = {
    "botocore/client.py": ("Paginator", "waiter"),
    "botocore/compat.py": ("ETree", "XMLParseError", "inspect", "shlex", "six", "tzlocal"),
    "botocore/compress.py": ("GzipFile", "gzip_compress"),
    "botocore/credentials.py": ("dateutil", "getpass", "parse", "subprocess", "tzlocal", "tzutc"),
    "botocore/handlers.py": ("ETree", "XMLParseError"),
    "botocore/parsers.py": ("ETree", "XMLParseError"),
    "botocore/regions.py": ("jmespath",),
    "botocore/response.py": ("XMLParseError",),
    "botocore/serialize.py": ("ElementTree",),
    "botocore/session.py": ("monitoring", "paginate", "waiter"),
    "botocore/tokens.py": ("dateutil", "tzutc"),
    "botocore/utils.py": ("dateutil", "getproxies", "proxy_bypass", "tempfile", "tzutc"),
    "msgspec/__init__.py": ("inspect", "msgpack", "toml", "yaml"),
    "msgspec/json.py": ("schema", "schema_components"),
}
"""Names imported where they are used and not before: XML, dates as texts, waiters, pages, proxies, files, processes,
which the four services here and the environment of a function never ask for."""

TYPED_DICTS = ("pydantic_core/core_schema.py",)
"""Modules of typed dictionaries whose fields only type checkers read: 60 M instructions."""

LAZY_NAMES = """
_LAZY = {names!r}


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    from importlib import import_module

    origin, attribute = _LAZY[name]
    module = import_module(origin, __spec__.parent)
    try:
        value = getattr(module, attribute) if attribute else module
    except AttributeError:
        value = import_module(f"{{origin}}.{{attribute}}", __spec__.parent)
    globals()[name] = value
    return value
"""


def rewrite_all(site: Path) -> None:
    """Change the modules of the tables above, in place."""
    for name, text in UNUSED_MODULES.items():
        (site / name).write_text(text)
    for name in LAZY_PACKAGES:
        rewrite(site / name / "__init__.py", lazy)
    for name in TYPED_DICTS:
        rewrite(site / name, without_fields)
    for name, lines in EDITS.items():
        edit(site / name, lines)
    for name, deferred in DEFERRED.items():
        rewrite(site / name, partial(defer, names=deferred))


def rewrite(module: Path, change: Callable[[ast.Module], str]) -> None:
    """Replace a module's source by a changed one."""
    module.write_text(change(ast.parse(module.read_text())))


def lazy(package: ast.Module) -> str:
    """The source of a package that imports what it only passes on when it is asked for.

    What it uses itself stays as it is. So does a name of a module that is called the same: the package has only one.
    """
    used = {node.id for node in ast.walk(package) if isinstance(node, ast.Name)}
    deferred: dict[str, tuple[str, str]] = {}
    for node in package.body:
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.module == "__future__":
            continue
        itself = node.module.rpartition(".")[2]
        moved = [name for name in node.names if not name.asname and name.name not in used and name.name != itself]
        deferred |= {name.name: ("." * node.level + node.module, name.name) for name in moved}
        node.names = [name for name in node.names if name not in moved]
    package.body = [node for node in package.body if not isinstance(node, ast.ImportFrom) or node.names]
    return ast.unparse(package) + "\n" + LAZY_NAMES.format(names=deferred)


def defer(module: ast.Module, names: tuple[str, ...]) -> str:
    """The source of a module that imports some names in the functions that use them, and goes on offering them.

    :raises ValueError: a name is not imported, is used while the module is, or is a function's own as well.
    """
    offered: dict[str, tuple[str, str | None]] = {}
    for name in names:
        statement = take_import(module, name)
        offered[name] = origin_of(statement)
        for node in module.body:
            defer_in(node, name, statement)
    return ast.unparse(module) + "\n" + LAZY_NAMES.format(names=offered)


def take_import(module: ast.Module, name: str) -> ast.Import | ast.ImportFrom:
    """Take a name out of the module's imports; return the import of it alone."""
    for node in module.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            if (alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)) == name:
                node.names.remove(alias)
                if not node.names:
                    module.body.remove(node)
                alone = copy.copy(node)
                alone.names = [alias]
                return alone
    raise ValueError(f"{name} is not imported")


def origin_of(statement: ast.Import | ast.ImportFrom) -> tuple[str, str | None]:
    """The module that an import takes its name from and, but where it is the module's own, the name."""
    (alias,) = statement.names
    if isinstance(statement, ast.Import):
        return (alias.name if alias.asname else alias.name.partition(".")[0]), None
    if statement.module is None:
        return "." * statement.level + alias.name, None
    return "." * statement.level + statement.module, alias.name


def defer_in(node: ast.stmt, name: str, statement: ast.stmt) -> None:
    """Import a name in the functions of a statement of the module that use it."""
    if not uses(node, name):
        return
    outside: list[ast.AST] = [node]
    if isinstance(node, ast.ClassDef):
        outside = [*node.decorator_list, *node.bases, *node.keywords]
    elif isinstance(node, ast.FunctionDef):
        outside = [*node.decorator_list, node.args, *filter(None, [node.returns])]
    if any(uses(part, name) for part in outside):
        raise ValueError(f"{name} is used while its module is imported")
    if isinstance(node, ast.ClassDef):
        for part in node.body:
            defer_in(part, name, statement)
    elif isinstance(node, ast.FunctionDef):
        if any(binds(part, name) for part in ast.walk(node)):
            raise ValueError(f"{name} is also a name of {node.name}'s own")
        insert_import(node.body, name, statement)


def insert_import(block: list[ast.stmt], name: str, statement: ast.stmt) -> None:
    """Put an import before the first use of its name, in the innermost block that has all uses."""
    users = [node for node in block if uses(node, name)]
    inner = [part for part in blocks(users[0]) if any(uses(node, name) for node in part)]
    if len(users) == len(inner) == 1 and uses(users[0], name) == sum(uses(node, name) for node in inner[0]):
        insert_import(inner[0], name, statement)
    else:
        block.insert(block.index(users[0]), statement)


def blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a statement that are run where it stands."""
    if isinstance(node, ast.If | ast.For | ast.While | ast.Try):
        return [node.body, node.orelse]
    return [node.body] if isinstance(node, ast.With) else []


def uses(node: ast.AST, name: str) -> int:
    """How often a name is read."""
    return sum(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def binds(node: ast.AST, name: str) -> bool:
    """Whether a parameter or a variable is called so."""
    if isinstance(node, ast.arg):
        return node.arg == name
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def without_fields(module: ast.Module) -> str:
    """The source of a module with its typed dictionaries empty; they are made and called as before."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "TypedDict" for base in node.bases):
            node.body = [ast.Pass()]
    return ast.unparse(module) + "\n"


def edit(module: Path, lines: dict[str, str]) -> None:
    """Replace some lines of a module; another version of it, where they are not what they were, fails the build."""
    text = module.read_text()
    for stock, changed in lines.items():
        if text.count(stock) != 1:
            raise ValueError(f"{module} does not hold just once: {stock!r}")
        text = text.replace(stock, changed)
    module.write_text(text)
