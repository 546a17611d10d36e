"""A small XSD set, made as the published one is: names with spaces, a DOCTYPE at w3.org, several namespaces."""

from __future__ import annotations

MAIN = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:test" xmlns:p="urn:test:parts"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#" targetNamespace="urn:test" elementFormDefault="qualified">
  <xs:import namespace="http://www.w3.org/2000/09/xmldsig#"
      schemaLocation="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd"/>
  <xs:import namespace="urn:test:parts" schemaLocation="Parts Schema V1.0.xsd"/>
  <xs:element name="Request">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="Counted" type="xs:integer"/>
        <xs:element name="Word" type="p:Word" minOccurs="0"/>
        <xs:element ref="ds:Signature" minOccurs="0"/>
      </xs:sequence>
      <xs:attribute name="version" type="xs:string"/>
    </xs:complexType>
  </xs:element>
</xs:schema>
"""
PARTS = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:parts">
  <xs:simpleType name="Word">
    <xs:restriction base="xs:token"><xs:pattern value="[a-z]*"/><xs:maxLength value="5"/></xs:restriction>
  </xs:simpleType>
</xs:schema>
"""
SIGNATURE = """<?xml version="1.0"?>
<!DOCTYPE schema PUBLIC "-//W3C//DTD XMLSchema 200102//EN" "http://www.w3.org/2001/XMLSchema.dtd" [
  <!ATTLIST schema xmlns:ds CDATA #FIXED "http://www.w3.org/2000/09/xmldsig#">
  <!ENTITY dsig "http://www.w3.org/2000/09/xmldsig#">
  <!ENTITY % p ''>
]>
<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    targetNamespace="&dsig;" elementFormDefault="qualified">
  <element name="Signature"><complexType><sequence>
    <any namespace="##targetNamespace" processContents="skip" maxOccurs="unbounded"/>
  </sequence></complexType></element>
</schema>
"""
FILES = {"Main Schema V1.0.xsd": MAIN, "Parts Schema V1.0.xsd": PARTS, "xmldsig-core-schema.xsd": SIGNATURE}

DOCUMENT = b'<?xml version="1.0"?>\n<Request xmlns="urn:test">\n<Counted>1</Counted>\n<Word>word</Word>\n</Request>'


def write_set(folder, files=FILES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder
