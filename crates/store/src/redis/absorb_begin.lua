-- Reads what another user is to take over of this one, and marks this profile, so that its calls are taken once.
--
-- KEYS  1 profile  2 sessions
-- ARGV  1 a mark that no other profile has
--
-- Answers {mark, calls, end of the last one, {session id, end, …}}; mark = '' when there is no profile.
-- The types of the keys were checked when the user was read.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'', '0', '', {}}
end
redis.call('HSETNX', KEYS[1], 'joining', ARGV[1])
local found = redis.call('HMGET', KEYS[1], 'joining', 'calls', 'last')
return {found[1], found[2] or '0', found[3] or '', redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')}
