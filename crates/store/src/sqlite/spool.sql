-- Journal and outbox: what was said but is not yet where it belongs. Times are Unix times in ms; `crc` is the CRC-32 of
-- the text beside it, as the file format has no checksums of its own.

-- Calls that are live, or were when their instance died.
CREATE TABLE call (
    sid        TEXT PRIMARY KEY,
    uid        TEXT NOT NULL,
    hash       TEXT,             -- keyed hash of the number; NULL: withheld
    started    INTEGER NOT NULL,
    parameters TEXT NOT NULL,    -- names of the start event's parameters, JSON
    instance   TEXT NOT NULL     -- who keeps the call
) STRICT, WITHOUT ROWID;
CREATE INDEX call_by_user ON call (uid);

-- Finished turns of those calls.
CREATE TABLE turn (
    sid TEXT NOT NULL,
    id  INTEGER NOT NULL,
    doc TEXT NOT NULL,           -- JSON
    crc INTEGER NOT NULL,
    PRIMARY KEY (sid, id)
) STRICT, WITHOUT ROWID;

-- What others must still learn. `lane`: entries of one lane are delivered in the order of `seq`, one at a time.
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    lane      TEXT NOT NULL,
    kind      TEXT NOT NULL,     -- session, erase, summary, archive, erase_archived
    uid       TEXT NOT NULL,
    hash      TEXT,
    sid       TEXT NOT NULL,     -- '' for an erasure
    body      TEXT NOT NULL,
    crc       INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    next_at   INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER            -- when; NULL: waits. Kept a while in case the server forgets.
) STRICT;
CREATE INDEX outbox_waiting ON outbox (seq) WHERE delivered IS NULL;
CREATE INDEX outbox_lane ON outbox (lane, seq) WHERE delivered IS NULL;
-- What is due is found at once, however much waits.
CREATE INDEX outbox_due ON outbox (next_at, seq) WHERE delivered IS NULL;
CREATE INDEX outbox_erasures ON outbox (seq) WHERE delivered IS NULL AND kind = 'erase';
CREATE INDEX outbox_delivered ON outbox (delivered) WHERE delivered IS NOT NULL;
CREATE INDEX outbox_by_user ON outbox (uid, kind);
CREATE INDEX outbox_by_session ON outbox (sid, seq);

-- What cannot be delivered, with the reason, until somebody decides.
CREATE TABLE dead (
    seq    INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,
    uid    TEXT NOT NULL,
    hash   TEXT,
    sid    TEXT NOT NULL,
    body   TEXT NOT NULL,
    reason TEXT NOT NULL,
    parked INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_by_user ON dead (uid);

-- One row: which server took the deliveries.
CREATE TABLE server (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT NOT NULL
) STRICT;

-- What is a user's, for whoever erases or joins users.
CREATE INDEX phone_by_user ON phone (uid);
CREATE INDEX session_by_user ON session (uid);

-- Call logs in the data directory: whose words they hold.
CREATE TABLE log (
    sid TEXT PRIMARY KEY,
    uid TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX log_by_user ON log (uid);
