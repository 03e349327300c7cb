-- Removes a session and its marker that were moved to another user's slot, unless they have changed since.
--
-- KEYS  1 session  2 done
-- ARGV  1 the document that was moved  2 and 3 the marker's fields `d` and `merged`; '' = it had none
--
-- Answers 1, or 0 when there is more to be moved; nothing changed then.

if (redis.call('HGET', KEYS[1], 'doc') or '') ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local marker = redis.call('HMGET', KEYS[2], 'd', 'merged')
if redis.call('EXISTS', KEYS[2]) == 1 and ((marker[1] or '') ~= ARGV[2] or (marker[2] or '') ~= ARGV[3]) then
  return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
