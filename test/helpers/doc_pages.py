# SPDX-License-Identifier: Apache-2.0
"""The blocks of code on the pages that users read, as commands, Python or data."""

import re
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "doc").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n|^\n(?= {4}))+", re.M)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: File name of the page.
        kind: "commands", "python" or "yaml".
        lines: Commands, each on one line, without comment and without `.ci/run_in_env`; else the lines as they are.
    """

    page: str
    kind: str
    lines: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """Every block of a page, in their order."""
    text = page.read_text()
    found = [(match.start(), match[1], match[2]) for match in _FENCE.finditer(text)]
    without = _FENCE.sub(lambda match: "#" * (len(match[0]) - 1) + "\n", text)
    found += [(match.start(), "", match[0]) for match in _INDENTED.finditer(without)]
    return [_block(page.name, language, body) for _, language, body in sorted(found)]


def _block(page: str, language: str, body: str) -> Block:
    lines = [line for line in body.splitlines() if line.strip()]
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    lines = [line[margin:] for line in lines]
    if language == "yaml":
        return Block(page, "yaml", tuple(lines))
    if re.match(r"(from|import) ", lines[0]):
        return Block(page, "python", tuple(lines))
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    commands = [re.sub(r"\s+# .*$", "", line).removeprefix(".ci/run_in_env ").strip() for line in joined]
    return Block(page, "commands", tuple(commands))
