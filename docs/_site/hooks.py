"""What the site adds to the pages: tables that are made from the code, folders in the navigation, the changelog.

A page asks for a table by a comment of its own, ``<!-- made from the code: commands -->``; without the site the
comment is invisible and the page says where else to look.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

from docs._site.commands import commands
from docs._site.interface import interface
from docs._site.refusals import refusals, said_by

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {"commands": commands, "interface": interface, "refusals": refusals}
ELSEWHERE = {"CHANGELOG.md": "changelog.md", "helm/README.md": "chart.md"}
"""Pages that stand elsewhere in the tree, and what they are called here."""
MARK = re.compile(r"<!-- made from the code: ([a-z]+) -->")
ENTRY = re.compile(r"^### `([^`]+)`$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder where the navigation names the folder, and those it forgot at its end."""
    docs = Path(config.docs_dir)
    nav: list[Any] = []
    for entry in config.nav or []:
        ((title, inside),) = entry.items() if isinstance(entry, dict) else ((None, entry),)
        if not isinstance(inside, str) or not inside.endswith("/"):
            nav.append(entry)
        elif pages := _pages(docs / inside, docs):
            nav.append({title: pages})
    named = set(re.findall(r"[\w/.-]+\.md", str(nav)))
    forgotten = [page for page in _pages(docs, docs) if page not in named]
    config.nav = [*nav, *([{"More": forgotten}] if forgotten else [])]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere in the tree."""
    for place, name in ELSEWHERE.items():
        text = (ROOT / place).read_text(encoding="utf-8").replace("](../docs/", "](")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is made from the code."""
    del config, files
    if page.file.src_uri == "troubleshooting.md":
        markdown = ENTRY.sub(lambda entry: f"{entry[0]}\n\n{said_by(entry[1])}", markdown)
    for place, name in ELSEWHERE.items():
        markdown = markdown.replace(f"](../{place}", f"]({name}")
    return MARK.sub(lambda mark: MAKERS[mark[1]](), markdown)


def _pages(folder: Path, docs: Path) -> list[str]:
    """List a folder's pages, its README first, as that is what it opens with."""
    names = sorted(path.relative_to(docs).as_posix() for path in folder.glob("*.md"))
    return sorted(names, key=lambda name: not name.endswith("README.md"))
