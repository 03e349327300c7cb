-- The user's half of a call start in the tagged layout: what is known.
--
-- KEYS  1 profile  2 sessions  3 gone
-- ARGV  1 profile TTL in s, 0 = keep for ever  2 '1': the TTLs start again
--       3 largest document in bytes
--
-- Answers {status, text, number, {v, rev, calls, last, doc}}:
--   'ok'         as above
--   'large'      as 'ok', but the document was left where it is
--   'erased'     this user was erased
--   'wrongtype'  number = which key, text = the type found there; nothing was written

local expected = {'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i, {}}
  end
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return {'erased', '', 0, {}}
end

if ARGV[2] == '1' then
  for i = 1, 2 do
    if tonumber(ARGV[1]) > 0 then
      redis.call('EXPIRE', KEYS[i], ARGV[1])
    else
      redis.call('PERSIST', KEYS[i])
    end
  end
end
local status = 'ok'
local profile = redis.call('HMGET', KEYS[1], 'v', 'rev', 'calls', 'last')
if redis.call('HSTRLEN', KEYS[1], 'doc') <= tonumber(ARGV[3]) then
  profile[5] = redis.call('HGET', KEYS[1], 'doc')
else
  status, profile[5] = 'large', false
end
return {status, '', 0, profile}
