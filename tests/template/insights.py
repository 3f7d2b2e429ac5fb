"""As much of Logs Insights as our queries use: what `filter` finds, which fields are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from support.log_lines import Line, fields_of

Found = Callable[[dict[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<like>/(?:[^/\\]|\\.)+/)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>@?[A-Za-z_][\w.]*)|(?P<sign>>=|<=|!=|[=<>()\[\],*]))"
)
# Words of the language, which are no fields.
_WORDS = {"as", "by", "asc", "desc", "and", "or", "not", "in", "like"}
# What a page leaves to its reader to fill in.
_BLANKS = {"…", "P", "B"}


def commands(query: str) -> Iterator[tuple[str, str]]:
    """Yields the name and the rest of each command of a query."""
    for command in re.split(r"\|(?=(?:[^']*'[^']*')*[^']*$)", " ".join(query.split())):
        name, _, rest = command.strip().partition(" ")
        yield name, rest


def finds(query: str, line: Line) -> bool:
    """Whether every `filter` of a query lets this line through."""
    fields = dict(fields_of(line))
    return all(
        _Filter(rest).condition(fields) for name, rest in commands(query) if name == "filter"
    )


def named_fields(query: str) -> set[str]:
    """All fields that a query names, without those that Logs Insights adds (@timestamp, @log)."""
    found: set[str] = set()
    given = set(re.findall(r"\bas (\w+)", query))  # names of its own
    for name, rest in commands(query):
        if name in {"SOURCE", "limit"}:
            continue
        tokens = [(m.lastgroup, m[m.lastgroup or 0]) for m in _TOKEN.finditer(rest)]
        for (kind, word), following in zip(tokens, [*tokens[1:], (None, "")], strict=True):
            if kind == "name" and word not in _WORDS and following[1] != "(":
                found.add(word)
    return {name for name in found - given if not name.startswith("@")}


class _Filter:
    """The condition of one `filter`, compiled by descent."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        while text:
            token = _TOKEN.match(text)
            assert token, f"not understood: {text}"
            self._tokens.append(token[0].strip())
            text = text[token.end() :].strip()
        self.condition = self._any()
        assert not self._tokens, self._tokens

    def _next(self, *expected: str) -> str:
        token = self._tokens.pop(0)
        assert not expected or token in expected, (token, expected)
        return token

    def _any(self) -> Found:
        either = [self._all()]
        while self._tokens[:1] == ["or"]:
            self._next("or")
            either.append(self._all())
        return lambda line: any(one(line) for one in either)

    def _all(self) -> Found:
        both = [self._one()]
        while self._tokens[:1] == ["and"]:
            self._next("and")
            both.append(self._one())
        return lambda line: all(one(line) for one in both)

    def _one(self) -> Found:
        name = self._next()
        if name == "(":
            inner = self._any()
            self._next(")")
            return inner
        if name == "ispresent":
            self._next("(")
            field = self._next()
            self._next(")")
            return lambda line: field in line
        # No "!=" and no "not": what they make of a line without the field is not documented.
        match self._next("=", ">", "in"):
            case "=":
                value = self._value()
                if value in _BLANKS:
                    return lambda line: name in line
                return lambda line: line.get(name) == value
            case ">":
                least = float(self._next())
                return lambda line: line.get(name, least) > least
            case _:
                values = self._list()
                return lambda line: line.get(name) in values

    def _value(self) -> str:
        return self._next().strip("'")

    def _list(self) -> list[str]:
        self._next("[")
        values = [self._value()]
        while self._next(",", "]") == ",":
            values.append(self._value())
        return values
