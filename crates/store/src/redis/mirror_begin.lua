-- Says who has a live call. One atomic step, safe to repeat. What another caller has said under this id goes. What another
-- instance has mirrored is replaced by what the new one knows, but never by less.
--
-- KEYS  1 messages  2 summary  3 turns  4 call
-- ARGV  1 TTL in s  2 summary  3 turns that the instance knows  4 how many messages follow: the newest of them, oldest
--       first; then fields and values of the call
--
-- Answers {status, text, number}:
--   'ok'         as said
--   'others'     text = the instance whose mirror has more turns; nothing changed
--   'wrongtype'  text = the type found, number = which key; nothing changed

local expected = {'list', 'string', 'string', 'hash'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i}
  end
end

local turns, first_field = tonumber(ARGV[3]), 5 + tonumber(ARGV[4])
local fields = {}
for i = first_field, #ARGV, 2 do
  fields[ARGV[i]] = ARGV[i + 1]
end
local known = redis.call('HMGET', KEYS[4], 'phone', 'instance')
local another_caller = known[1] and known[1] ~= fields['phone']
if known[2] ~= fields['instance'] or another_caller then
  local had = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
  if had > 999999999999999 then -- more than is believed of any counter: not the mirror of more turns, but a damaged one
    had = 0
  end
  if known[2] and not another_caller and had > turns then
    return {'others', known[2], 0}
  end
  if another_caller then
    redis.call('DEL', unpack(KEYS))
  end
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('HDEL', KEYS[4], 'gap')
  for i = 5, first_field - 1 do
    redis.call('RPUSH', KEYS[1], ARGV[i])
  end
  redis.call('SET', KEYS[3], ARGV[3])
end
redis.call('HSET', KEYS[4], unpack(ARGV, first_field))
redis.call('SET', KEYS[2], ARGV[2])
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[1])
end
return {'ok', '', 0}
