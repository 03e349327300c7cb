-- Adds one turn to a live call. One atomic step, safe to repeat.
--
-- KEYS  1 messages  2 summary  3 turns  4 call
-- ARGV  1 TTL in s  2 message  3 turns, this one included  4 how many messages are kept  5 the instance that has the call
--
-- Answers {status, text, number}:
--   'ok'         it is there; one that was there already has been replaced
--   'late'       it is older than what is kept; nothing changed
--   'unknown'    no such call is mirrored; nothing changed
--   'others'     text = the instance that has the call by now; nothing changed
--   'wrongtype'  text = the type found, number = which key; nothing changed

local expected = {'list', 'string', 'string', 'hash'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i}
  end
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {'unknown', '', 0}
end
local keeper = redis.call('HGET', KEYS[4], 'instance')
if keeper ~= ARGV[5] then
  return {'others', keeper or '', 0}
end

local turns, had = tonumber(ARGV[3]), tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if turns > had then
  redis.call('RPUSH', KEYS[1], ARGV[2])
  redis.call('LTRIM', KEYS[1], -tonumber(ARGV[4]), -1)
  redis.call('SET', KEYS[3], ARGV[3])
  if turns > had + 1 then -- some were never written: positions can be told from here on only
    redis.call('HSET', KEYS[4], 'gap', string.format('%d', turns - 1))
  end
else
  local place = turns - had - 1 -- counted from the end, as its turn counts from the newest one
  local gap = tonumber(redis.call('HGET', KEYS[4], 'gap') or '0') or 0
  if turns <= gap or -place > redis.call('LLEN', KEYS[1]) then
    return {'late', '', 0}
  end
  redis.call('LSET', KEYS[1], place, ARGV[2])
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[1])
end
return {'ok', '', 0}
