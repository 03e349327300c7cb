-- One row: the mark that this outbox has left at its store's server, by which it is seen when the server forgets.
CREATE TABLE IF NOT EXISTS mark (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    name       TEXT NOT NULL,
    value      INTEGER NOT NULL,  -- grows
    expected   INTEGER NOT NULL,  -- 1: the server that answers has it, unless it has forgotten
    generation INTEGER NOT NULL   -- how often one has
) STRICT;
