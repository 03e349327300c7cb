-- Reads a live call as of one moment.
--
-- KEYS  1 messages  2 summary  3 turns  4 call
-- ARGV  1 how many messages  2 the most bytes of messages that are read  3 the most bytes of each other text, then fields
--       of the call
--
-- Answers {status, text, number, {messages, oldest first}, summary, turns, {the call's fields}}:
--   'ok'         as said
--   'none'       no such call is mirrored
--   'large'      number = which key holds more than that
--   'wrongtype'  text = the type found, number = which key

local expected = {'list', 'string', 'string', 'hash'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, i, {}, '', '', {}}
  end
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  return {'none', '', 0, {}, '', '', {}}
end

local most = tonumber(ARGV[3])
local function large(i)
  return {'large', '', i, {}, '', '', {}}
end
for i = 2, 3 do
  if redis.call('STRLEN', KEYS[i]) > most then
    return large(i)
  end
end
for i = 4, #ARGV do
  if redis.call('HSTRLEN', KEYS[4], ARGV[i]) > most then
    return large(4)
  end
end
local messages, bytes = redis.call('LRANGE', KEYS[1], -tonumber(ARGV[1]), -1), 0
for _, message in ipairs(messages) do
  bytes = bytes + #message
end
if bytes > tonumber(ARGV[2]) then
  return large(1)
end
return {'ok', '', 0, messages, redis.call('GET', KEYS[2]) or '', redis.call('GET', KEYS[3]) or '0',
  redis.call('HMGET', KEYS[4], unpack(ARGV, 4))}
