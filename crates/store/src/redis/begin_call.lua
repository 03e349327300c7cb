-- Finds a caller or creates the mapping; answers what is known. One round trip.
--
-- KEYS  1 phone  2 profile  3 sessions  4 gone
-- ARGV  1 candidate user id   2 profile TTL in s, 0 = keep for ever   3 '1': the TTLs start again
--       4 largest document in bytes   5 an erased user id, or ''
--
-- Answers {status, text, number, {v, rev, calls, last, doc}}:
--   'ok'         number = 1 when this call made the mapping
--   'mapped'     text = the user id that the number belongs to; ask again with it
--   'erased'     this user id was erased; ask again with a random one, naming this one as ARGV[5]
--   'wrongtype'  number = which key, text = the type found there; nothing was written
--   'large'      as 'ok', but the document was left where it is

local expected = {'string', 'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i, {}}
  end
end

local candidate, ttl = ARGV[1], tonumber(ARGV[2])
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[5] then
  owner = false -- the number still points at somebody who was erased
end
if owner and owner ~= candidate then
  return {'mapped', owner, 0, {}}
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  return {'erased', '', 0, {}}
end

-- The first write is the one that a full memory refuses, so that a refused script has written nothing.
local created = 0
if not owner then
  redis.call('SET', KEYS[1], candidate)
  if ttl > 0 then
    redis.call('EXPIRE', KEYS[1], ttl)
  end
  created = 1
end
if ARGV[3] == '1' then
  for i = 1, 3 do -- always together: a mapping must not die before its profile
    if ttl > 0 then
      redis.call('EXPIRE', KEYS[i], ttl)
    else
      redis.call('PERSIST', KEYS[i])
    end
  end
end

local status = 'ok'
local profile = redis.call('HMGET', KEYS[2], 'v', 'rev', 'calls', 'last')
if redis.call('HSTRLEN', KEYS[2], 'doc') <= tonumber(ARGV[4]) then
  profile[5] = redis.call('HGET', KEYS[2], 'doc')
else
  status, profile[5] = 'large', false
end
return {status, '', created, profile}
