-- Says in whose slot a session is, unless somebody else has said otherwise meanwhile.
--
-- KEYS  1 place
-- ARGV  1 the user id that is expected there, '' = none  2 the user id from now on, '' = none  3 TTL in s, 0 = keep for ever
--
-- Answers 1, also when it was so before, or 0 when a third user id is there, and nothing changed.

local found = redis.call('GET', KEYS[1]) or ''
if found ~= ARGV[1] and found ~= ARGV[2] then
  return 0
end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
  if tonumber(ARGV[3]) > 0 then
    redis.call('EXPIRE', KEYS[1], ARGV[3])
  end
end
return 1
