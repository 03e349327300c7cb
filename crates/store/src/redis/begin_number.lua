-- The number's half of a call start in the tagged layout: finds whose it is, or makes it somebody's.
--
-- KEYS  1 phone
-- ARGV  1 candidate user id  2 profile TTL in s, 0 = keep for ever  3 '1': the TTL starts again  4 an erased user id, or ''
--
-- Answers {status, text, number}:
--   'ok'         it is the candidate's; number = 1 when this call made it so
--   'mapped'     text = the user id that it belongs to; ask again with it
--   'wrongtype'  number = which key, text = the type found there; nothing was written

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'string' then
  return {'wrongtype', found, 1}
end

local owner = redis.call('GET', KEYS[1])
if owner == ARGV[4] then
  owner = false -- the number still points at somebody who was erased
end
if owner and owner ~= ARGV[1] then
  return {'mapped', owner, 0}
end

if not owner then
  redis.call('SET', KEYS[1], ARGV[1])
end
if not owner or ARGV[3] == '1' then
  if tonumber(ARGV[2]) > 0 then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
  else
    redis.call('PERSIST', KEYS[1])
  end
end
return {'ok', '', owner and 0 or 1}
