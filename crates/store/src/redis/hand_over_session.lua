-- Gives a finished session to another user; its TTL goes on.
--
-- KEYS  1 session
-- ARGV  1 the user id that it must belong to  2 its document  3 the user id that it belongs to from now on
--       4 the document that names that one
--
-- Answers 1, or 0 when it is another session, or copy, by now; nothing changed then.

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  return 0
end
local found = redis.call('HMGET', KEYS[1], 'uid', 'doc')
if found[1] ~= ARGV[1] or (found[2] or '') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'uid', ARGV[3])
if found[2] then
  redis.call('HSET', KEYS[1], 'doc', ARGV[4])
end
return 1
