"""Our tables as objects of PostgreSQL: dropped and moved, without harm to what others
made of them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql as names

from fixgw.readmodel import sql
from fixgw.readmodel.schema import TABLES

_GRANTS = """
SELECT format('GRANT %%s ON %%I.%%I TO %%s%%s', privilege_type, %(new)s::text, relname,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(rolname) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class
JOIN pg_namespace n ON n.oid = relnamespace
CROSS JOIN LATERAL aclexplode(relacl)
LEFT JOIN pg_roles r ON r.oid = grantee
WHERE nspname = %(old)s AND grantee <> relowner
AND to_regclass(format('%%I.%%I', %(new)s::text, relname)) IS NOT NULL
"""
"""What others were allowed to do with our tables, as statements for the new ones."""

_FOUND = b"""
SELECT relname, relkind FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = %s AND relname = ANY (%s)
"""

_KINDS = (("v", "VIEW"), ("r", "TABLE"))


def named(statement: str, name: str) -> names.Composed:
    """A statement with a name in it, quoted."""
    return names.SQL(statement).format(names.Identifier(name))


def drop(connection: psycopg.Connection, schema: str) -> None:
    """Drop our tables and views, not the schema.

    Raises DependentObjectsStillExist where something of others depends on them.
    """
    ours = [*_names("r"), *_names("v")]
    found = connection.execute(_FOUND, (schema, ours)).fetchall()
    for kind, word in _KINDS:
        listed = [names.Identifier(schema, name) for name, k in found if k == kind]
        if listed:
            connection.execute(
                names.SQL("DROP {} {} RESTRICT").format(
                    names.SQL(word), names.SQL(", ").join(listed)
                )
            )


def swap(connection: psycopg.Connection, schema: str, new: str, lock_ms: int) -> None:
    """In one moment, what is in schema ``new`` instead of what is in ``schema``.

    Grants on the old tables hold for the new ones. Raises LockNotAvailable while
    readers look at the old tables, after ``lock_ms``.
    """
    with connection.transaction():
        limit_locks(connection, lock_ms)
        connection.execute(named("CREATE SCHEMA IF NOT EXISTS {}", schema))
        grants = connection.execute(_GRANTS, {"old": schema, "new": new}).fetchall()
        drop(connection, schema)
        for (grant,) in grants:
            connection.execute(grant.encode())
        for kind, word in _KINDS:
            for name in _names(kind):
                connection.execute(
                    names.SQL("ALTER {} {} SET SCHEMA {}").format(
                        names.SQL(word),
                        names.Identifier(new, name),
                        names.Identifier(schema),
                    )
                )
        connection.execute(named("DROP SCHEMA {} RESTRICT", new))


def limit_locks(connection: psycopg.Connection, lock_ms: int) -> None:
    """Wait for locks a short time only, in this transaction."""
    connection.execute(f"SET LOCAL lock_timeout = {lock_ms}".encode())


def _names(kind: str) -> Iterator[str]:
    yield from sql.views() if kind == "v" else (table.name for table in TABLES)
