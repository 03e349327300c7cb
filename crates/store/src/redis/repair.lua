-- Moves a key of another shape aside and, where it could be read, puts what it says in its place.
--
-- KEYS  1 the key  2 where it goes
-- ARGV  1 the type that was found  2 its length, as read  3 how long it stays aside if it has no TTL, ms
--       4 TTL of what is put in its place if the key has none, ms, 0 = keep  5 'zset', 'hash' or '' for nothing
--       6… score, member, … or field, value, …
--
-- Answers {status, TTL of what is aside in ms}:
--   'ok'       done
--   'changed'  the key is not any more what was read; nothing changed
--   'taken'    something is aside already; nothing changed

local length = { string = 'STRLEN', list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = 'HLEN', stream = 'XLEN' }
local found = redis.call('TYPE', KEYS[1]).ok
if found ~= ARGV[1] or (length[found] and redis.call(length[found], KEYS[1]) ~= tonumber(ARGV[2])) then
  return {'changed', 0}
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {'taken', 0}
end

local ttl = redis.call('PTTL', KEYS[1])
redis.call('RENAME', KEYS[1], KEYS[2])
if ttl < 0 then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
if ARGV[5] ~= '' then
  local write = ARGV[5] == 'zset' and 'ZADD' or 'HSET'
  for i = 6, #ARGV, 2 do
    redis.call(write, KEYS[1], ARGV[i], ARGV[i + 1])
  end
  if ttl < 0 then
    ttl = tonumber(ARGV[4])
  end
  if ttl > 0 then
    redis.call('PEXPIRE', KEYS[1], ttl)
  end
end
return {'ok', redis.call('PTTL', KEYS[2])}
