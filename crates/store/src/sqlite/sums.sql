-- A checksum over all that a row says, its words included by way of their own (`crc`): a bit that is another one anywhere
-- is seen. NULL: an earlier version wrote the row. What says how a delivery goes (`tries`, `next_at`, `delivered`) is not
-- in it.
ALTER TABLE call ADD COLUMN sum INTEGER;
ALTER TABLE turn ADD COLUMN sum INTEGER;
ALTER TABLE outbox ADD COLUMN sum INTEGER;
