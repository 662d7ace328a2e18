"""Expressions over the columns of a row, such as `delivery_date >= order_date`, to SQL.

They are written as in Python and parsed by Python, and nothing of them is ever run there: a few kinds of node are
known, every other one is refused. Numbers are computed as `numeric`, exactly. Where a value is missing the answer is
missing too, as in SQL.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from psycopg import sql

from wharf.common.profiles.types import ColumnType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NUMBER, TEXT, MOMENT, TRUTH, LIST = "number", "text", "moment", "yes or no", "list"
KINDS: Final = {
    ColumnType.TEXT: TEXT,
    ColumnType.INTEGER: NUMBER,
    ColumnType.DECIMAL: NUMBER,
    ColumnType.TIMESTAMP: MOMENT,
    ColumnType.BOOLEAN: TRUTH,
    ColumnType.LIST: LIST,
}
COMPARISONS: Final = {ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
SUMS: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
FUNCTIONS: Final[dict[str, tuple[tuple[str, ...], str, str]]] = {
    "abs": ((NUMBER,), NUMBER, "abs({})"),
    "round": ((NUMBER, NUMBER), NUMBER, "round({}, least(greatest({}, -100), 100)::int)"),
    "length": ((TEXT,), NUMBER, "length({})::numeric"),
    "count": ((LIST,), NUMBER, "coalesce(cardinality({}), 0)::numeric"),
    "lower": ((TEXT,), TEXT, "lower({})"),
    "upper": ((TEXT,), TEXT, "upper({})"),
    "starts_with": ((TEXT, TEXT), TRUTH, "starts_with({}, {})"),
    "ends_with": ((TEXT, TEXT), TRUTH, "starts_with(reverse({}), reverse({}))"),
    "contains": ((TEXT, TEXT), TRUTH, "(position({1} in {0}) > 0)"),
    "days": ((MOMENT, MOMENT), NUMBER, "(extract(epoch FROM {} - {}) / 86400)"),
    "year": ((MOMENT,), NUMBER, "extract(year FROM {} AT TIME ZONE 'UTC')"),
    "month": ((MOMENT,), NUMBER, "extract(month FROM {} AT TIME ZONE 'UTC')"),
    "now": ((), MOMENT, "now()"),
}
"""What each takes, what it gives, and how PostgreSQL says it."""
DEEPEST: Final = 50
LONGEST_NUMBER: Final = 40


class WrongExpression(ValueError):
    """What is wrong with an expression, for the one who wrote it."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression: what kind of value it is, its SQL, and the text if it is a literal one."""

    kind: str
    sql: sql.Composable
    literal: str | None = None


def condition(text: str, columns: Mapping[str, ColumnType]) -> sql.Composable:
    """The SQL of an expression that is true or false for a row; raises `WrongExpression`."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        said = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply"
        message = f"this is no expression: {said}"
        raise WrongExpression(message) from error
    return _Compiler(text.strip(), columns).truth(tree.body, 0)


@dataclass(frozen=True)
class _Compiler:
    text: str
    columns: Mapping[str, ColumnType]

    def truth(self, node: ast.expr, depth: int) -> sql.Composable:
        return self._of_kind(TRUTH, node, depth).sql

    def term(self, node: ast.expr, depth: int) -> Term:
        if depth > DEEPEST:
            raise WrongExpression("it is nested too deeply")
        for kind, compile_ in self._handlers().items():
            if isinstance(node, kind):
                return compile_(node, depth + 1)
        message = f"{self._source(node)!r} is not allowed here"
        raise WrongExpression(message)

    def _handlers(self) -> dict[type[ast.expr], Callable[..., Term]]:
        return {
            ast.BoolOp: self._both_or_either,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._arithmetic,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            ast.Name: self._column,
            ast.Constant: self._constant,
        }

    def _both_or_either(self, node: ast.BoolOp, depth: int) -> Term:
        word = sql.SQL(" AND " if isinstance(node.op, ast.And) else " OR ")
        return Term(TRUTH, _bracketed(word.join([self.truth(value, depth) for value in node.values])))

    def _unary(self, node: ast.UnaryOp, depth: int) -> Term:
        if isinstance(node.op, ast.Not):
            return Term(TRUTH, sql.SQL("(NOT {})").format(self.truth(node.operand, depth)))
        if isinstance(node.op, ast.USub):
            return Term(NUMBER, sql.SQL("(- {})").format(self._of_kind(NUMBER, node.operand, depth).sql))
        message = f"{self._source(node)!r} is not allowed here"
        raise WrongExpression(message)

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Term:
        left, right = (self._of_kind(NUMBER, side, depth).sql for side in (node.left, node.right))
        if isinstance(node.op, ast.Div):
            return Term(NUMBER, sql.SQL("({} / nullif({}, 0))").format(left, right))
        sign = SUMS.get(type(node.op))
        if sign is None:
            message = f"{self._source(node)!r}: use + - * /, or days(later, earlier) between moments"
            raise WrongExpression(message)
        return Term(NUMBER, sql.SQL(f"({{}} {sign} {{}})").format(left, right))

    def _comparison(self, node: ast.Compare, depth: int) -> Term:
        """A chain is one comparison after the other, as in Python: `0 < x <= 10`."""
        sides = [node.left, *node.comparators]
        parts = [self._compare(a, op, b, depth) for a, op, b in zip(sides, node.ops, sides[1:], strict=False)]
        return Term(TRUTH, _bracketed(sql.SQL(" AND ").join(parts)))

    def _compare(self, left: ast.expr, sign: ast.cmpop, right: ast.expr, depth: int) -> sql.Composable:
        if isinstance(sign, ast.Is | ast.IsNot):
            return self._missing(left, right, depth, "IS" if isinstance(sign, ast.Is) else "IS NOT")
        if isinstance(sign, ast.In | ast.NotIn):
            return self._among(left, right, depth, "IN" if isinstance(sign, ast.In) else "NOT IN")
        a, b = self._alike(self.term(left, depth), self.term(right, depth), node=right)
        word = COMPARISONS[type(sign)]
        return sql.SQL(f"({{}} {word} {{}})").format(a.sql, b.sql)

    def _missing(self, left: ast.expr, right: ast.expr, depth: int, word: str) -> sql.Composable:
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise WrongExpression("after `is` there must be None; compare values with ==")
        return sql.SQL(f"({{}} {word} NULL)").format(self.term(left, depth).sql)

    def _among(self, left: ast.expr, right: ast.expr, depth: int, word: str) -> sql.Composable:
        if not isinstance(right, ast.Tuple | ast.List) or not right.elts:
            raise WrongExpression("after `in` there must be values in brackets, such as ('A', 'B')")
        wanted = self.term(left, depth)
        values = [self._alike(wanted, self.term(e, depth), node=e)[1].sql for e in right.elts]
        return sql.SQL(f"({{}} {word} ({{}}))").format(wanted.sql, sql.SQL(", ").join(values))

    def _call(self, node: ast.Call, depth: int) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            message = f"{self._source(node)!r}: there is no such function. Known: {', '.join(FUNCTIONS)}"
            raise WrongExpression(message)
        takes, gives, how = FUNCTIONS[name]
        if len(node.args) != len(takes):
            message = f"{name} takes {len(takes)} values ({', '.join(takes)})"
            raise WrongExpression(message)
        values = [self._of_kind(k, a, depth).sql for k, a in zip(takes, node.args, strict=True)]
        return Term(gives, sql.SQL(how).format(*values))

    def _column(self, node: ast.Name, _depth: int) -> Term:
        if node.id not in self.columns:
            message = f"there is no column {node.id!r}"
            raise WrongExpression(message)
        kind = KINDS[self.columns[node.id]]
        own = sql.Identifier(node.id)
        return Term(kind, sql.SQL("{}::numeric").format(own) if kind == NUMBER else own)

    def _constant(self, node: ast.Constant, _depth: int) -> Term:
        value = node.value
        if isinstance(value, bool):
            return Term(TRUTH, sql.SQL("true" if value else "false"))
        if isinstance(value, str) and "\0" not in value:
            return Term(TEXT, sql.SQL("{}::text").format(sql.Literal(value)), value)
        if isinstance(value, int | float):
            return Term(NUMBER, sql.SQL("{}::numeric").format(sql.Literal(self._number(node))))
        message = f"{self._source(node)!r} is not allowed here"
        raise WrongExpression(message)

    def _number(self, node: ast.Constant) -> str:
        """As it is written: 0.1 is a tenth, which a float is not."""
        written = self._source(node).replace("_", "")
        if len(written) > LONGEST_NUMBER or not written.replace(".", "", 1).isdecimal():
            message = f"{written!r}: write numbers like 12 or 12.5"
            raise WrongExpression(message)
        return str(Decimal(written))

    def _of_kind(self, kind: str, node: ast.expr, depth: int) -> Term:
        found = self.term(node, depth)
        found = _as_moment(found) if kind == MOMENT else found
        if found.kind != kind:
            message = f"{self._source(node)!r} is a {found.kind}; here must be a {kind}"
            raise WrongExpression(message)
        return found

    def _alike(self, left: Term, right: Term, *, node: ast.expr) -> tuple[Term, Term]:
        """Both of one kind; a text beside a moment is one."""
        if MOMENT in {left.kind, right.kind}:
            left, right = _as_moment(left), _as_moment(right)
        if left.kind != right.kind or left.kind == LIST:
            message = f"{self._source(node)!r}: a {left.kind} and a {right.kind} cannot be compared"
            raise WrongExpression(message)
        return left, right

    def _source(self, node: ast.AST) -> str:
        return (ast.get_source_segment(self.text, node) or self.text)[:100]


def _as_moment(term: Term) -> Term:
    if term.literal is None:
        return term
    try:
        datetime.fromisoformat(term.literal)
    except ValueError as error:
        message = f"{term.literal!r} is no moment; write it like 2025-11-30 or 2025-11-30T15:04:05Z"
        raise WrongExpression(message) from error
    return Term(MOMENT, sql.SQL("({}::timestamptz)").format(sql.Literal(_with_zone(term.literal))))


def _with_zone(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return moment.isoformat() + ("" if moment.tzinfo else "+00:00")


def _bracketed(inner: sql.Composable) -> sql.Composed:
    return sql.SQL("({})").format(inner)
