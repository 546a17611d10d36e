from typing import final

from lxml.etree import XMLParser, _Element

@final
class ParserNames:
    def parse(self, document: bytes, parser: XMLParser) -> _Element: ...
