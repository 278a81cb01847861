"""What is documented is what is there."""

import re
from pathlib import Path

from authsvc.cli.settings import settings_table

ROOT = Path(__file__).parents[2]


def test_the_settings_table_is_the_generated_one():
    page = (ROOT / "docs" / "operations.md").read_text()
    shown = re.search(r"<!-- settings: begin -->\n(.*?)\n<!-- settings: end -->", page, re.DOTALL)

    assert shown is not None
    assert shown[1] == settings_table(), "run `authsvc settings` and put its table there"


def test_links_between_the_documents_lead_somewhere():
    broken = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if not target.startswith(("http:", "https:", "mailto:")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []


def test_every_attack_in_the_threat_model_has_its_test_and_every_test_its_row():
    page = (ROOT / "docs" / "threat-model.md").read_text()
    tests = {path.stem: path.read_text() for path in (ROOT / "tests" / "attacks").glob("test_*.py")}
    documented = {
        (int(row), name)
        for row, names in re.findall(r"^\| (\d\d) \|.*\| ([^|]*) \|$", page, re.MULTILINE)
        for name in re.findall(r"test_\w+", names)
    }
    proven = {
        (int(row), name)
        for name, text in tests.items()
        for row in re.findall(r"called\(\s*(\d+),", text)
        if row != "0"
    }

    assert documented == proven
