# SPDX-License-Identifier: Apache-2.0
"""What the pages name is there: commands, links, make targets, help. test/docs runs what stands in blocks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prv2_ros.cli.main import COMMANDS, build_parser, main

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "doc").glob("*.md")])
PAGES = [page for page in PAGES if page.is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_a_sentence_exist(page):
    for name in re.findall(r"`prv2 ([a-z]+)", page.read_text()):
        assert name in COMMANDS, f"{page.name} names prv2 {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def _anchors(page: Path) -> set[str]:
    """Names that a link may have after `#`, as GitHub makes them of headings."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_heading(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        there = page.parent / target if target else page
        assert anchor in _anchors(there), f"{page.name} links to {target}#{anchor}"


def test_make_targets_named_in_the_readme_exist():
    listed = subprocess.run(["make", "-s", "-C", str(TOP), "help"], capture_output=True, text=True, check=True).stdout
    for target in re.findall(r"^    make ([a-z]+)", (TOP / "README.md").read_text(), re.M):
        assert f"make {target}" in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        build_parser(command).parse_args([command, "--help"])
    assert caught.value.code == 0 and "usage: prv2" in capsys.readouterr().out


def test_a_missing_package_is_one_clear_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "yaml", None)
    for name in [name for name in sys.modules if name.startswith("prv2_ros.bags")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["bag", "in", "out"]) == 1
    assert "package yaml is not installed; run pip install -e '.[train]'" in capsys.readouterr().err
