"""Alembic's environment: runs on the connection and for the schema that `migrate_schema` gives it."""

from alembic import context

config = context.config
service = config.attributes["service"]

context.configure(
    connection=config.attributes["connection"],
    version_table="schema_version",
    version_table_schema=service,
    transactional_ddl=True,
    transaction_per_migration=False,
)
config.attributes["connection"].exec_driver_sql(f'SET LOCAL search_path = "{service}"')
with context.begin_transaction():
    context.run_migrations()
