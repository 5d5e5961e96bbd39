"""An index in PostgreSQL: one database for an office, many writers, many who search."""
