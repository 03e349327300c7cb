-- Says who has a live call. One atomic step, safe to repeat. What another caller has said under this id goes; and the
-- messages that another instance has counted: whoever has the call now adds what it knows, counted from 1.
--
-- KEYS  1 messages  2 summary  3 turns  4 call
-- ARGV  1 TTL in s  2 summary, then fields and values of the call
--
-- Answers {status, text, number}: 'ok', or 'wrongtype' with the type found and which key; nothing was written then.

local expected = {'list', 'string', 'string', 'hash'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i}
  end
end

local known = redis.call('HMGET', KEYS[4], 'phone', 'instance')
for i = 3, #ARGV, 2 do
  if known[1] and ARGV[i] == 'phone' and ARGV[i + 1] ~= known[1] then
    redis.call('DEL', unpack(KEYS))
  elseif known[2] and ARGV[i] == 'instance' and ARGV[i + 1] ~= known[2] then
    redis.call('DEL', KEYS[1], KEYS[3])
    redis.call('HDEL', KEYS[4], 'gap')
  end
end
redis.call('HSET', KEYS[4], unpack(ARGV, 3))
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], '0', 'NX')
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[1])
end
return {'ok', '', 0}
