-- Erases a user's profile and leaves a marker, so that no later write brings them back. The index stays until all that it
-- names is gone, so that an erasure that was interrupted finds it again.
--
-- KEYS  1 profile  2 sessions  3 gone
-- ARGV  1 how long the marker stays, in s
--
-- Answers {status, text, number, {session ids}}:
--   'ok'         number = 1 when there was a profile
--   'wrongtype'  number = which key, text = the type found there; nothing was written

local expected = {'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i, {}}
  end
end

redis.call('SET', KEYS[3], '1', 'EX', ARGV[1])
return {'ok', '', redis.call('UNLINK', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, -1)}
