-- Forgets a live call, unless somebody else has it. One atomic step, safe to repeat.
--
-- KEYS  1 messages  2 summary  3 turns  4 call
-- ARGV  1 the instance that had it
--
-- Answers {status, text, number}: 'ok'; 'others' with the instance that has it; or 'wrongtype' with the type found and
-- which key. In the latter two cases nothing changed.

local found = redis.call('TYPE', KEYS[4]).ok
if found ~= 'none' and found ~= 'hash' then
  return {'wrongtype', found, 4}
end
local keeper = redis.call('HGET', KEYS[4], 'instance')
if found == 'hash' and keeper ~= ARGV[1] then
  return {'others', keeper or '', 0}
end
redis.call('UNLINK', unpack(KEYS))
return {'ok', '', 0}
