"""The documents are held to the code: generated pages, links, and what must never stand in a tracked file."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
REGISTRY = re.compile(r"\b(?:pypi\.org|pythonhosted|npmjs\.|deb\.debian|files\.python)", re.IGNORECASE)


def tracked() -> list[Path]:
    """Every file that git knows, or skip where this is no checkout."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in done.stdout.splitlines()]


def readable(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return ""


def test_the_generated_pages_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_relative_link_leads_to_a_file():
    pages = [path for path in tracked() if path.suffix == ".md"]
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in LINK.findall(readable(page))
        if not (page.parent / target).exists()
    ]

    assert pages
    assert broken == []


def test_no_tracked_file_names_a_package_registry_or_a_folder_of_the_machine_it_was_written_on():
    own = Path(__file__).relative_to(ROOT)
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.relative_to(ROOT) != own and (REGISTRY.search(text := readable(path)) or f"{ROOT}/" in text)
    ]

    assert named == []
