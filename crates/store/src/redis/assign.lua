-- Makes a number belong to a user, or to nobody.
--
-- KEYS  1 phone
-- ARGV  1 user id, '' = nobody  2 profile TTL in s, 0 = keep for ever
--
-- Answers {status, text}:
--   'ok'         text = the user id that it belonged to, or ''
--   'wrongtype'  text = the type found there; nothing was written
--   'wrongtext'  what is there is no user id; nothing was written

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'string' then
  return {'wrongtype', found}
end
local before = redis.call('GET', KEYS[1])
if before and (#before > 128 or not string.find(before, '^[%w._-]+$')) then
  return {'wrongtext', ''}
end
if ARGV[1] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1])
  if tonumber(ARGV[2]) > 0 then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
  end
end
return {'ok', before or ''}
