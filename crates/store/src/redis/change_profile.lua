-- Puts a profile in the place of the one at a revision. Creates no user; TTLs go on.
--
-- KEYS  1 profile  2 gone
-- ARGV  1 base revision  2 profile document  3 schema version
--
-- Answers the new revision, or -1 when the profile is not at that revision, or not there; nothing changed then.
-- The profile was read before, at this revision, and could be; whoever changes it changes its revision.

if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('EXISTS', KEYS[1]) == 0 then
  return -1
end
local revision = tonumber(redis.call('HGET', KEYS[1], 'rev') or '0')
if revision ~= tonumber(ARGV[1]) then
  return -1
end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'rev', string.format('%d', revision + 1), 'doc', ARGV[2])
return revision + 1
