# SPDX-License-Identifier: Apache-2.0
"""Stands behind look.py: what Alembic's autogenerate finds between the database and the models, in the
shape of `headgate snapshot diff`. "from" is the database, "to" are the models. What env.py tells
Alembic to leave out or not to compare stays out of it.
"""
KIND_ORDER = ("table", "constraint", "index")


class Changes:
    def __init__(self, context):
        self.dialect = context.connection.dialect
        self.found = {}

    def name(self, *parts):
        schema = parts[0] or self.dialect.default_schema_name
        quote = self.dialect.identifier_preparer.quote
        return ".".join(quote(str(part)) for part in (schema,) + parts[1:])

    def change(self, kind, name, change):
        found = self.found.setdefault((kind, name), {"kind": kind, "name": name, "change": change,
                                                     "from": None, "details": []})
        return found["details"]

    def detail(self, details, what, before, after):
        details.append({"what": what, "from": before, "to": after})

    def one_side(self, kind, name, added, what, text):
        """Something that only one side has; what it is, if it can be told."""
        details = self.change(kind, name, "added" if added else "removed")
        if text is not None:
            self.detail(details, what, None if added else text, text if added else None)

    def compiled(self, element, **options):
        try:
            return str(element.compile(dialect=self.dialect, **options)).strip()
        except Exception:
            return None

    def type_text(self, kind):
        return self.compiled(kind) or repr(kind)

    def default_text(self, default):
        if default is None or default is False:
            return None
        value = getattr(default, "sqltext", None)  # Computed
        if value is None:
            value = getattr(default, "arg", default)
        if isinstance(value, str):
            return literal(value)
        if not hasattr(value, "compile"):
            return type(value).__name__.lower()
        return self.compiled(value, compile_kwargs={"literal_binds": True}) or str(value)

    def column_text(self, column):
        default = self.default_text(column.server_default)
        return "%s%s%s" % (self.type_text(column.type), "" if column.nullable else " not null",
                           " default %s" % default if default is not None else "")

    def table(self, table, added):
        name = self.name(table.schema, table.name)
        for column in table.columns:
            self.one_side("table", name, added, "column %s" % column.name, self.column_text(column))
        self.change("table", name, "added" if added else "removed")

    def column(self, schema, table, column, added):
        text = self.column_text(column)
        self.detail(self.change("table", self.name(schema, table), "changed"),
                    "column %s" % column.name, None if added else text, text if added else None)

    def index(self, index, added):
        from sqlalchemy.schema import CreateIndex

        self.one_side("index", self.name(index.table.schema, index.name), added, "definition",
                      self.compiled(CreateIndex(index)))

    def constraint(self, constraint, added):
        from sqlalchemy.schema import AddConstraint

        table = constraint.table if constraint.table is not None else constraint.parent
        name = constraint.name or "(%s)" % ", ".join(c.name for c in constraint.columns)
        self.one_side("constraint", self.name(table.schema, table.name, name), added, "definition",
                      self.compiled(AddConstraint(constraint)))

    def table_comment(self, table, before, after):
        self.detail(self.change("table", self.name(table.schema, table.name), "changed"), "comment",
                    before, after)

    def modified(self, what, schema, table, column, existing, before, after):
        member = what.replace("modify_", "", 1)
        if member == "type":
            before, after = self.type_text(before), self.type_text(after)
        elif member == "nullable":
            member = "not_null"
            before, after = (None if nullable else "true" for nullable in (before, after))
        elif member == "default":
            before, after = self.default_text(before), self.default_text(after)
        else:
            before, after = (None if text is None else str(text) for text in (before, after))
        self.detail(self.change("table", self.name(schema, table), "changed"),
                    "column %s: %s" % (column, member), before, after)

    def add(self, diff):
        if isinstance(diff, list):
            for one in diff:
                self.modified(*one)
            return
        verb, _, kind = diff[0].partition("_")
        added = verb == "add"
        if kind == "table":
            self.table(diff[1], added)
        elif kind == "column":
            self.column(*diff[1:4], added=added)
        elif kind == "index":
            self.index(diff[1], added)
        elif kind in ("constraint", "fk"):
            self.constraint(diff[1], added)
        elif kind == "table_comment":
            self.table_comment(diff[1], diff[2] if added else "(some)",  # Alembic does not say which
                               diff[1].comment if added else None)
        else:  # an operation that an extension of Alembic brought
            self.one_side(kind or verb, str(diff[1])[:200], added, "definition", str(diff[1:])[:2000])

    def listed(self):
        order = {kind: place for place, kind in enumerate(KIND_ORDER)}
        return [self.found[key] for key in sorted(
            self.found, key=lambda key: (order.get(key[0], len(order)), key))]


def report_compared(environment):
    """Wraps the function of `alembic current`, which changes nothing and asks for no revision."""

    def compared(rows, context):
        from alembic.autogenerate import produce_migrations

        metadata = context.opts.get("target_metadata")
        if metadata is None:
            report("compared", changes=None)
            return []
        changes = Changes(context)
        for diff in produce_migrations(context, metadata).upgrade_ops.as_diffs():
            changes.add(diff)
        report("compared", changes=changes.listed())
        return []

    environment.context_opts["fn"] = compared
