-- Lets a number that leads to one user lead to another, or to nobody; its TTL goes on.
--
-- KEYS  1 phone
-- ARGV  1 the user id that it must lead to  2 the user id that it leads to from now on, '' = nobody
--
-- Answers 1, or 0 when it leads to somebody else by now; nothing changed then.

if redis.call('TYPE', KEYS[1]).ok ~= 'string' or redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  local ttl = redis.call('PTTL', KEYS[1])
  redis.call('SET', KEYS[1], ARGV[2])
  if ttl >= 0 then
    redis.call('PEXPIRE', KEYS[1], math.max(ttl, 1))
  end
end
return 1
