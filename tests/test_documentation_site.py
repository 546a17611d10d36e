"""The site that ``make docs`` builds: strictly, every page in its navigation, and nothing in it from a network."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html

from pages import DOCS, ROOT, run

RESOURCES = (
    "//script/@src | //link/@href | //img/@src | //img/@srcset | //source/@src | //source/@srcset | //iframe/@src"
    " | //embed/@src | //object/@data | //video/@src | //audio/@src | //track/@src | //form/@action"
    " | //*[local-name() = 'use' or local-name() = 'image']/@href"
)
NAMESPACES = "http://www.w3.org/"


def build(docs, site):
    """The Makefile's command, from other folders and into other folders."""
    (recipe,) = re.findall(r"^\t\$\(BIN\)/sphinx-build (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    arguments = shlex.split(recipe)
    assert "--fail-on-warning" in arguments
    assert arguments[-4:] == ["--doctree-dir", "build/doctrees", "docs", "build/docs"]
    arguments[-4:] = ["--doctree-dir", str(site) + ".doctrees", str(docs), str(site)]
    return run([sys.executable, "-m", "sphinx", *arguments], ROOT)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    path = tmp_path_factory.mktemp("site") / "docs"
    done = build(DOCS, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return path


@pytest.fixture(scope="module")
def trees(site):
    return {path: html.document_fromstring(path.read_bytes()) for path in sorted(site.rglob("*.html"))}


def is_remote(address):
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def target_of(address, page):
    """The file that an address on a page leads to, and the name of the place in it."""
    parts = urlsplit(address)
    return (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve(), unquote(parts.fragment)


def test_each_page_is_built_and_in_the_navigation(site, trees):
    written = {path.stem for path in DOCS.glob("*.md")}
    assert {"index", "errors", "signxml", "migrate-from-dcc-tool", "migrate-from-xmlsec1"} <= written
    assert {path.stem for path in trees} == written | {"search"}
    navigation = trees[site / "index.html"].xpath("//*[contains(@class, 'sidebar-tree')]//a/@href")
    assert {target_of(address, site / "index.html")[0].stem for address in navigation} == written - {"index"}


def test_each_error_code_has_a_place_of_its_own(site, trees):
    codes = re.findall(r"^\| `([a-z0-9-]+)` \|", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert len(codes) > 80
    places = trees[site / "errors.html"].xpath("//*/@id")
    assert not [code for code in codes if places.count(code) != 1]


def test_no_page_refers_to_the_network(trees):
    for page, tree in trees.items():
        resources = tree.xpath(RESOURCES)
        assert resources
        for address in resources:
            assert not is_remote(address), f"{page.name}: {address}"
            if not address.startswith("data:"):
                assert target_of(address, page)[0].exists(), f"{page.name}: {address}"
        assert not tree.xpath("//base | //meta[@http-equiv = 'refresh']")
        assert_local_style("\n".join(tree.xpath("//style/text() | //@style")), page)
        for script in tree.xpath("//script/text()"):
            assert_local_script(script, page)


def test_no_style_or_script_refers_to_the_network(site):
    styles, scripts = sorted(site.rglob("*.css")), sorted(site.rglob("*.js"))
    assert styles
    assert scripts
    for path in styles:
        assert_local_style(path.read_text(), path)
    for path in scripts:
        assert_local_script(path.read_text(), path)


def assert_local_style(style, path):
    addresses = re.findall(r"""url\(\s*["']?([^"')\s]+)""", style)
    assert not [address for address in addresses if is_remote(address)], path
    assert "@import" not in style, path


def assert_local_script(script, path):
    addresses = re.findall(r"""["'`]((?:https?:|wss?:)?//[^"'`\s]+)""", script)
    assert not [address for address in addresses if not address.startswith(NAMESPACES)], path


def test_every_link_leads_somewhere(trees):
    places = {page.resolve(): set(tree.xpath("//@id | //a/@name")) for page, tree in trees.items()}
    followed = 0
    for page, tree in trees.items():
        for address in tree.xpath("//a/@href"):
            if is_remote(address):
                assert urlsplit(address).scheme == "https", f"{page.name}: {address}"
                continue
            file, place = target_of(address, page)
            assert file.exists(), f"{page.name}: {address}"
            assert not place or place in places[file], f"{page.name}: {address}"
            followed += 1
    assert followed > 100


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("trust.md", "[nowhere](nowhere.md)\n"),
        ("trust.md", "[no such heading](errors.md#no-such-heading)\n"),
        ("trust.md", "[no such heading](#no-such-heading)\n"),
        ("orphan.md", "# In no table of contents\n"),
    ],
)
def test_what_is_broken_does_not_build(tmp_path, page, text):
    shutil.copytree(DOCS, tmp_path / "docs")
    for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    with Path(tmp_path / "docs" / page).open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")
    done = build(tmp_path / "docs", tmp_path / "site")
    assert done.returncode != 0
    assert page in done.stderr
