from lxml.etree import _Element

BY_LIBXML2: bool
LONG_TREE: int

def release_tree(root: _Element) -> int: ...
