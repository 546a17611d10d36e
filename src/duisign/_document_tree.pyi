from typing import final

BY_LIBXML2: bool

@final
class DocumentTree:
    def __init__(self, /, *args: object, **kwargs: object) -> None: ...

def document_tree(document: bytes) -> DocumentTree | None: ...
