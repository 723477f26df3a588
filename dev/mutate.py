"""Change what money depends on, one small thing at a time, and see whether a test notices: ``make mutate``.

A mutant that no test notices needs one, or an entry of ``tests/explained_mutants.toml`` that says why there can be
none. An entry that explains nothing any more fails too. Not mutated are constants of modules, defaults of fields and
functions with a decorator, but for properties.
"""

import argparse
import ast
import json
import os
import shutil
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from subprocess import run
from typing import Final

from dev.project import LOCAL, ROOT, TOOLS, StepFailedError, run_step

MUTMUT: Final = str(TOOLS / "mutate" / "bin" / "mutmut")
EXPLAINED: Final = ROOT / "tests" / "explained_mutants.toml"
COPIED: Final = ("dev", "docs", "events", "functions", "tests", "Makefile", "pyproject.toml", "template.yaml")
CONFTEST: Final = """\
from hypothesis import Phase, settings

# That an example fails is all that is asked; to make it smaller takes minutes.
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), max_examples=25)
settings.load_profile("mutants")
"""
# An emulator does not survive being forked, and the others take longer than all the rest together.
LEFT_OUT: Final = ("emulator", "any_order", "hundreds_of", "too_large")
KILLED: Final = frozenset({"killed", "timeout"})


@dataclass(frozen=True)
class Part:
    """Modules, some of them followed by the one function that is mutated, and the tests that hold them."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def holds(self, mutant: str) -> bool:
        """Tell whether a mutant is one of this part's."""
        return any(fnmatch(mutant, pattern) for pattern in self.patterns)

    @property
    def patterns(self) -> list[str]:
        """The names of its mutants."""
        return [f"{module}.x_{name}__*" if name else f"{module}.*" for module, _, name in self._parted]

    @property
    def files(self) -> list[str]:
        """Where its modules are."""
        return [f"{module.replace('.', '/')}.py" for module, _, _ in self._parted]

    @property
    def _parted(self) -> list[tuple[str, str, str]]:
        return [module.partition(":")[:3] for module in self.modules]


PARTS: Final = (
    Part("money", ("cashback.domain.money",), ("tests/unit/test_money.py",)),
    Part(
        "signatures",
        ("cashback.storefronts.signatures", "cashback.services.deliver_webhook:signature_of"),
        ("tests/unit/test_signatures.py", "tests/unit/test_outgoing_deliveries.py"),
    ),
    Part(
        "posting",
        (
            "cashback.adapters.dynamo.accounts",
            "cashback.adapters.dynamo.ledger",
            "cashback.domain.causes",
            "cashback.domain.ledger",
        ),
        (
            "tests/integration/test_posting.py",
            "tests/simulation/test_posting_faults.py",
            "tests/unit/test_causes.py",
            "tests/unit/test_ledger_domain.py",
            "tests/unit/test_merge_customers.py",
            "tests/unit/test_posting_batches.py",
            "tests/unit/test_posting_decisions.py",
            "tests/unit/test_posting_merges.py",
            "tests/unit/test_posting_shortfalls.py",
            "tests/unit/test_postings.py",
        ),
    ),
    Part(
        "calculation",
        (
            "cashback.domain.additions",
            "cashback.domain.cashback",
            "cashback.domain.clawback",
            "cashback.domain.purse",
            "cashback.domain.redemption",
            "cashback.domain.rules",
        ),
        (
            "tests/unit/test_additions.py",
            "tests/unit/test_cases.py",
            "tests/unit/test_catalogue_rules.py",
            "tests/unit/test_customer_tags.py",
            "tests/unit/test_guests.py",
            "tests/unit/test_odd_orders.py",
            "tests/unit/test_order_entries.py",
            "tests/unit/test_processing.py",
            "tests/unit/test_purse.py",
            "tests/unit/test_record_order.py",
            "tests/unit/test_redemptions.py",
            "tests/unit/test_reviews.py",
            "tests/unit/test_rules.py",
        ),
    ),
    Part(
        "facts",
        (
            "cashback.domain.facts",
            "cashback.domain.orders",
            "cashback.domain.reviews",
            "cashback.services.record_order:governing",
        ),
        (
            "tests/unit/test_additions.py",
            "tests/unit/test_cases.py",
            "tests/unit/test_facts.py",
            "tests/unit/test_guests.py",
            "tests/unit/test_odd_orders.py",
            "tests/unit/test_order_detail.py",
            "tests/unit/test_order_entries.py",
            "tests/unit/test_order_states.py",
            "tests/unit/test_processing.py",
            "tests/unit/test_record_order.py",
            "tests/unit/test_redemptions.py",
            "tests/unit/test_reviews.py",
        ),
    ),
)


@dataclass(frozen=True, order=True)
class Mutant:
    """What a mutant does to a line of a function. Numbers name it neither here nor where it is explained."""

    function: str
    line: str
    mutated: str

    @property
    def module(self) -> str:
        """The module of the function."""
        return next(module for module in _modules() if self.function.startswith(f"{module}."))

    def __str__(self) -> str:
        return f"{self.function}\n    - {self.line}\n    + {self.mutated}"


def main() -> int:
    """Mutate all parts or those that are named, and say what survived unexplained."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("parts", nargs="*", help=", ".join(part.name for part in PARTS))
    names = arguments.parse_args().parts
    explained = _explained()
    failed = False
    for part in [part for part in PARTS if not names or part.name in names]:
        folder = LOCAL / "mutants" / part.name
        try:
            _copy(part, folder)
            run_step(f"mutants of {part.name}", [MUTMUT, "run", *part.patterns], _environment(), folder)
        except StepFailedError as failure:
            print(failure, file=sys.stderr)
            return 1
        failed |= not _judged(part, folder, explained)
    return int(failed)


def _copy(part: Part, folder: Path) -> None:
    """Copy the project, with the package at the top: that is where mutmut takes the names of modules from."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "layers" / "shared" / "cashback", folder / "cashback", ignore=ignored)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    for file in part.files:
        module = folder / file
        module.write_text(_undecorated(module.read_text()))
    (folder / "conftest.py").write_text(CONFTEST)
    settings = {
        "source_paths": ["cashback"],
        "only_mutate": part.files,
        "pytest_add_cli_args_test_selection": list(part.tests),
        "pytest_add_cli_args": ["-k", f"not ({' or '.join(LEFT_OUT)})", "-p", "no:cacheprovider"],
        "also_copy": [*COPIED, "conftest.py"],
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    with (folder / "pyproject.toml").open("a") as project:
        project.writelines(
            ["\n[tool.mutmut]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())]
        )


def _undecorated(source: str) -> str:
    """Spell properties without a decorator, because what has one is not mutated."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and [ast.unparse(name) for name in node.decorator_list] == ["property"]:
            indent = " " * node.col_offset
            lines[node.decorator_list[0].lineno - 1] = ""
            lines[(node.end_lineno or 0) - 1] += f"\n{indent}{node.name} = property({node.name})"
    return "\n".join(lines)


def _environment() -> dict[str, str]:
    # The tests run with the project's own packages; hypothesis tries the same examples every time in CI.
    packages = next((ROOT / ".venv" / "lib").glob("python*/site-packages"))
    return {**os.environ, "PYTHONPATH": str(packages), "CI": "true"}


def _judged(part: Part, folder: Path, explained: dict[Mutant, str]) -> bool:
    """Print the figures of a part and what speaks against it; return whether nothing does."""
    results = dict(_results(part, folder))
    survivors = {name: _shown(name, folder) for name, status in results.items() if status not in KILLED}
    unexplained = sorted({mutant for mutant in survivors.values() if mutant not in explained})
    stale = sorted({mutant for mutant in explained if mutant.module in _modules(part)} - set(survivors.values()))
    figures = Counter(name.rpartition(".")[0] for name in results)
    alive = Counter(name.rpartition(".")[0] for name in survivors)
    known = Counter(name.rpartition(".")[0] for name, mutant in survivors.items() if mutant in explained)
    for module, mutants in sorted(figures.items()):
        print(f"| `{module}` | {mutants:,} | {mutants - alive[module]:,} | {known[module]:,} |")
    for mutant in unexplained:
        print(f"survived: {mutant}")
    for mutant in stale:
        print(f"explained, but killed or gone: {mutant}")
    return not (unexplained or stale)


def _results(part: Part, folder: Path) -> Iterator[tuple[str, str]]:
    for line in _asked(folder, "results", "--all", "true").splitlines():
        name, _, status = line.strip().partition(": ")
        if part.holds(name):
            yield name, status


def _shown(name: str, folder: Path) -> Mutant:
    """Read what a mutant changes out of its diff."""
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    # Mangled as x_function, or as xǁClassǁmethod.
    function = ".".join(mangled.removeprefix("x_").removeprefix("xǁ").split("ǁ"))
    changed = [line for line in _asked(folder, "show", name).splitlines() if not line.startswith(("---", "+++"))]
    before, after = (" ".join(line[1:].strip() for line in changed if line.startswith(sign)) for sign in ("-", "+"))
    return Mutant(f"{module}.{function}", before, after)


def _asked(folder: Path, *question: str) -> str:
    return run([MUTMUT, *question], cwd=folder, env=_environment(), capture_output=True, text=True, check=True).stdout


def _modules(*parts: Part) -> Sequence[str]:
    return [module.partition(":")[0] for part in parts or PARTS for module in part.modules]


def _explained() -> dict[Mutant, str]:
    """Read why mutants may survive: by function, then by reason, pairs of a line and what it became."""
    return {
        Mutant(entry["function"], line, mutated): entry["why"]
        for entry in tomllib.loads(EXPLAINED.read_text())["mutants"]
        for line, mutated in entry["lines"]
    }


if __name__ == "__main__":
    sys.exit(main())
