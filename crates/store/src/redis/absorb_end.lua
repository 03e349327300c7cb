-- Removes a user whose calls and sessions were taken over, unless a call came since.
--
-- KEYS  1 profile  2 sessions
-- ARGV  1 mark, '' = there was no profile  2 calls taken  3 length of the index taken
--
-- Answers 1, or 0 when there is more to be taken; nothing changed then.

if redis.call('EXISTS', KEYS[1]) == 1 then
  local found = redis.call('HMGET', KEYS[1], 'joining', 'calls')
  local same = found[1] == ARGV[1] and (found[2] or '0') == ARGV[2]
  if not same or redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[3]) then
    return 0
  end
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
