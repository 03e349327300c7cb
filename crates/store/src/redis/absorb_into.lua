-- Takes over another user's calls and session index, and puts the joined profile in the place of the one at a revision.
-- Repeated, it adds only the calls that came since.
--
-- KEYS  1 profile  2 sessions  3 gone
-- ARGV  1 the field that remembers what was taken of that user  2 the other profile's mark, '' = it has none
--       3 its calls  4 end of its last one, Unix ms, or ''  5 base revision  6 joined profile document  7 schema version
--       8… its index: end, session id, …
--
-- Answers the revision; -1 when the profile is not at the base revision, or not there; nothing changed then.

if redis.call('EXISTS', KEYS[3]) == 1 or redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
local mine = redis.call('HMGET', KEYS[1], 'rev', ARGV[1], 'last')
local revision = tonumber(mine[1] or '0')
-- Mark and number of what was taken. Another mark is that of an earlier profile under the same id.
local mark, taken = string.match(mine[2] or '', '^(%w+):(%d+)$')
local again = ARGV[2] ~= '' and mark == ARGV[2]
taken = again and tonumber(taken) or 0
local at_base = revision == tonumber(ARGV[5])
if not at_base and not again then
  return -1
end

if at_base then
  revision = revision + 1
  redis.call('HSET', KEYS[1], 'v', ARGV[7], 'rev', string.format('%d', revision), 'doc', ARGV[6])
end
local calls = tonumber(ARGV[3])
if calls > taken then
  redis.call('HINCRBY', KEYS[1], 'calls', calls - taken)
end
if ARGV[4] ~= '' and tonumber(ARGV[4]) > (tonumber(mine[3] or '0') or 0) then
  redis.call('HSET', KEYS[1], 'last', ARGV[4])
end
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
end
for i = 8, #ARGV, 2 do
  redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1])
end
-- The index lives as long as the profile, also when it was made just now.
local ttl = redis.call('PTTL', KEYS[1])
if ttl >= 0 then
  redis.call('PEXPIRE', KEYS[2], math.max(ttl, 1))
end
return revision
