-- Reads what is held of a user. Writes nothing.
--
-- KEYS  1 profile  2 sessions  3 gone
-- ARGV  1 largest document in bytes
--
-- Answers {status, text, number, {v, rev, calls, last, doc}, {session id, end, …, newest first}, TTL in ms}:
--   'ok'         as above; the TTL is -1 for a profile that is kept for ever
--   'large'      as 'ok', but the document was left where it is
--   'none'       there is no profile; the index may be there all the same
--   'erased'     this user was erased
--   'wrongtype'  number = which key, text = the type found there

local expected = {'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i, {}, {}, 0}
  end
end

if redis.call('EXISTS', KEYS[3]) == 1 then
  return {'erased', '', 0, {}, {}, 0}
end
local sessions = redis.call('ZREVRANGE', KEYS[2], 0, -1, 'WITHSCORES')
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'none', '', 0, {}, sessions, 0}
end
local status = 'ok'
local profile = redis.call('HMGET', KEYS[1], 'v', 'rev', 'calls', 'last')
if redis.call('HSTRLEN', KEYS[1], 'doc') <= tonumber(ARGV[1]) then
  profile[5] = redis.call('HGET', KEYS[1], 'doc')
else
  status, profile[5] = 'large', false
end
return {status, '', 0, profile, sessions, redis.call('PTTL', KEYS[1])}
