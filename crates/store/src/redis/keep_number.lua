-- The number's part of a hang-up in the tagged layout: it is made the user's if it is nobody's, and its TTL starts again
-- if it is the user's.
--
-- KEYS  1 phone
-- ARGV  1 user id  2 profile TTL in s, 0 = keep for ever
--
-- Answers 1 when the number was nobody's, else 0.

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return owner and 0 or 1
