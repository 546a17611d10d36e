from lxml.etree import _Element

BY_LIBXML2: bool

def release_tree(root: _Element, holders: int) -> int: ...
