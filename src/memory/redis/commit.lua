-- Writes a finished session and the profile that it changes. One atomic step, safe to repeat.
--
-- KEYS  1 session  2 done, and for a remembered caller: 3 gone  4 profile  5 sessions  6 phone
-- ARGV  1 session id  2 digest  3 turns  4 session document  5 user id  6 ended, Unix ms
--       7 schema version  8 session TTL in s  9 marker TTL in s (0 = keep, for both), and for a remembered caller:
--       10 base revision  11 profile document  12 profile TTL in s, 0 = keep  13 how many session ids to keep
--       14 documents of sessions that ended before this have expired, Unix ms  15 largest document in bytes
--
-- Answers {status, text, document}; text is the profile's revision, if nothing else is said:
--   'applied'    session and profile are written
--   'kept'       the session is written; the stored profile is not ours to change (newer schema, or damaged)
--   'conflict'   the session is written; the profile has moved on, document = what it is now
--   'duplicate'  written before; nothing changed
--   'stale'      a longer copy is there already; nothing changed
--   'erased'     the caller was erased; nothing changed
--   'wrongtype'  text = the type found, document = which key; nothing changed

local expected = {'hash', 'hash', 'string', 'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, tostring(i)}
  end
end

local function keep_for(key, ttl)
  if tonumber(ttl) > 0 then
    redis.call('EXPIRE', key, ttl)
  else
    redis.call('PERSIST', key)
  end
end

-- A counter as a number, 0 when missing, nil when it is none that Lua's doubles hold exactly.
local function count(text)
  if not text then
    return 0
  end
  if #text <= 15 and string.find(text, '^%d+$') then
    return tonumber(text)
  end
end

local remembered = #KEYS > 2
if remembered and redis.call('EXISTS', KEYS[3]) == 1 then
  return {'erased', '0', ''}
end

local v, revision, calls, last, ours = 0, 0, 0, 0, false
if remembered then
  local stored = redis.call('HMGET', KEYS[4], 'v', 'rev', 'calls', 'last')
  local size = redis.call('HSTRLEN', KEYS[4], 'doc')
  v, revision, calls, last = count(stored[1]), count(stored[2]), count(stored[3]), count(stored[4]) or 0
  ours = v and revision and calls and v <= tonumber(ARGV[7])
    and size <= tonumber(ARGV[15])
    and (revision > 0 or size == 0) -- a document without a revision was written by somebody else
end
local at_revision = string.format('%d', revision or 0)

local marker = redis.call('HMGET', KEYS[2], 'd', 'n', 'merged')
local first, same = not marker[1], marker[1] == ARGV[2]
if same and marker[3] == '1' then
  return {'duplicate', at_revision, ''}
end
if not first and not same and (count(marker[2]) or 0) >= tonumber(ARGV[3]) then
  return {'stale', at_revision, ''}
end

if not same then
  redis.call('HSET', KEYS[1], 'v', ARGV[7], 'doc', ARGV[4], 'uid', ARGV[5], 'ended', ARGV[6])
  keep_for(KEYS[1], ARGV[8])
  redis.call('HSET', KEYS[2], 'd', ARGV[2], 'n', ARGV[3], 'merged', '0')
  keep_for(KEYS[2], ARGV[9])
end
if not remembered then
  redis.call('HSET', KEYS[2], 'merged', '1')
  return {'applied', '0', ''}
end

if first then
  redis.call('SET', KEYS[6], ARGV[5], 'NX')
  if ours then
    redis.call('HINCRBY', KEYS[4], 'calls', 1)
  end
end
if not same then
  if ours and tonumber(ARGV[6]) > last then -- a late write does not move the last call back
    redis.call('HSET', KEYS[4], 'last', ARGV[6])
  end
  redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1])
  -- Ids beyond the limit go, oldest first, but never one whose document still lives.
  local beyond = redis.call('ZCARD', KEYS[5]) - tonumber(ARGV[13])
  local expired = redis.call('ZCOUNT', KEYS[5], '-inf', '(' .. ARGV[14])
  local cut = math.min(beyond, expired)
  if cut > 0 then
    redis.call('ZREMRANGEBYRANK', KEYS[5], 0, cut - 1)
  end
end

local answer
if not ours then
  redis.call('HSET', KEYS[2], 'merged', '1')
  answer = {'kept', '0', ''}
elseif revision == tonumber(ARGV[10]) then
  at_revision = string.format('%d', revision + 1)
  redis.call('HSET', KEYS[4], 'v', ARGV[7], 'rev', at_revision, 'doc', ARGV[11])
  redis.call('HSET', KEYS[2], 'merged', '1')
  answer = {'applied', at_revision, ''}
else
  answer = {'conflict', at_revision, redis.call('HGET', KEYS[4], 'doc') or ''}
end

keep_for(KEYS[4], ARGV[12])
keep_for(KEYS[5], ARGV[12])
if redis.call('GET', KEYS[6]) == ARGV[5] then
  keep_for(KEYS[6], ARGV[12])
end
return answer
