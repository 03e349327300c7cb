-- What an entry of the outbox has to say beside its session.

-- Who had the call: its own mirror goes with it, and no other. NULL: not known.
ALTER TABLE outbox ADD COLUMN instance TEXT;
-- 1: what follows from its delivery is queued, and is not queued again when it is sent again.
ALTER TABLE outbox ADD COLUMN followed INTEGER NOT NULL DEFAULT 0;
