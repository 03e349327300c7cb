//! The SQLite store's file: what survives, what is refused, what is left in it.
