-- Reads a session and its marker, to be written in another user's slot.
--
-- KEYS  1 session  2 done
-- ARGV  1 largest document in bytes
--
-- Answers {status, text, number, {{session's field, value, …}, TTL in ms}, {{marker's field, value, …}, TTL in ms}}:
--   'ok'         as above; no fields: it is not there
--   'large'      number = which key holds more than that
--   'wrongtype'  text = the type found, number = which key

for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then
    return {'wrongtype', found, i, {{}, 0}, {{}, 0}}
  end
end
if redis.call('HSTRLEN', KEYS[1], 'doc') > tonumber(ARGV[1]) then
  return {'large', '', 1, {{}, 0}, {{}, 0}}
end
local function all_of(key)
  return {redis.call('HGETALL', key), redis.call('PTTL', key)}
end
return {'ok', '', 0, all_of(KEYS[1]), all_of(KEYS[2])}
