"""A hook of mkdocs: diagrams are drawn by Mermaid's script, taken from the npm registry when the site is built.

mkdocs-material would have every reader fetch it from a CDN, unless it is there before.
"""

from __future__ import annotations

from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import normalize_url

from deploy.npm import NpmError, Package, content

MERMAID = Package(
    "mermaid",
    "11.17.2",
    "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg==",
)
"""MIT. Version 11, as mkdocs-material would load."""

SCRIPT = "assets/javascripts/mermaid.min.js"


def on_files(files: Files, config: Any) -> Files:
    """The script is one more file of the site."""
    try:
        files.append(File.generated(config, SCRIPT, content=content(MERMAID, "dist/mermaid.min.js")))
    except NpmError as problem:
        raise PluginError(str(problem)) from None
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """It has 3.5 MB, so only pages with a diagram load it, before the script of the theme asks for it."""
    if '<pre class="mermaid">' not in output:
        return output
    return output.replace("</head>", f'<script src="{normalize_url(SCRIPT, page)}"></script></head>')
