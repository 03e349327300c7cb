-- Times are Unix times in ms. `expires` is the first moment at which a row is not there any more.
CREATE TABLE phone (
    hash    TEXT PRIMARY KEY, -- keyed hash of the number, never the number
    uid     TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX phone_by_expiry ON phone (expires);

CREATE TABLE user (
    uid     TEXT PRIMARY KEY,
    v       INTEGER NOT NULL, -- schema version of `doc`
    rev     INTEGER NOT NULL,
    doc     TEXT,             -- the profile, JSON
    calls   INTEGER NOT NULL,
    last    INTEGER,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX user_by_expiry ON user (expires);

-- The session index of a user; it lives and dies with the row in `user`.
CREATE TABLE seen (
    uid   TEXT NOT NULL,
    sid   TEXT NOT NULL,
    ended INTEGER NOT NULL,
    PRIMARY KEY (uid, sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_end ON seen (uid, ended, sid);

CREATE TABLE session (
    sid     TEXT PRIMARY KEY,
    uid     TEXT NOT NULL,
    doc     TEXT NOT NULL, -- the finished session, JSON
    ended   INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX session_by_expiry ON session (expires);

-- Commit markers: that a session was written, so that writing it again changes nothing.
CREATE TABLE done (
    sid     TEXT PRIMARY KEY,
    digest  BLOB NOT NULL,
    turns   INTEGER NOT NULL,
    merged  INTEGER NOT NULL, -- 1: the profile has taken this copy in
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX done_by_expiry ON done (expires);

-- Erased users, so that a late hang-up does not bring them back.
CREATE TABLE gone (
    uid     TEXT PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_by_expiry ON gone (expires);
