"""Names, label keys and label values as Kubernetes checks them, with its words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

LABEL_RE = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = re.compile(rf"^{LABEL_RE}(\.{LABEL_RE})*$")
QUALIFIED = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
NAME_PART_TEXT = f"name part {_NAME}"
QUALIFIED_TEXT = f"a qualified name {_NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
MOST_NAME, MOST_PREFIX, MOST_VALUE = 63, 253, 63
"""Characters of a key's name and prefix, and of a value."""


def key_errors(key: str) -> Iterator[str]:
    """What is wrong with a label's or an annotation's key."""
    parts = key.split("/")
    if len(parts) > 2:
        yield QUALIFIED_TEXT
        return
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            yield "prefix part must be non-empty"
        elif len(parts[0]) > MOST_PREFIX or not SUBDOMAIN.match(parts[0]):
            yield f"prefix part {SUBDOMAIN_TEXT}"
    if not name:
        yield "name part must be non-empty"
    elif len(name) > MOST_NAME:
        yield f"name part must be no more than {MOST_NAME} characters"
    if not QUALIFIED.match(name):
        yield NAME_PART_TEXT


def value_errors(value: str) -> Iterator[str]:
    """What is wrong with a label's value."""
    if len(value) > MOST_VALUE:
        yield f"must be no more than {MOST_VALUE} characters"
    if not VALUE.match(value):
        yield VALUE_TEXT
