from typing import Literal

from lxml.etree import _Element

def misreading(root: _Element, levels: int) -> Literal["too-deep", "ampersand"] | None: ...
