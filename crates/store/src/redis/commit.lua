-- Writes a finished session and the profile that it changes. One atomic step, safe to repeat.
--
-- KEYS  1 session  2 done  3 gone, and for a remembered caller: 4 profile  5 sessions  6 phone (flat layout only,
--       and only while the number may be the user's)
-- ARGV  1 session id  2 digest  3 turns  4 session document  5 user id  6 ended, Unix ms
--       7 schema version  8 session TTL in s  9 marker TTL in s (0 = keep, for both)
--       10 digest of the stored copy that this one replaces, or ''  11 largest session document in bytes,
--       and for a remembered caller: 12 base revision, or 'none' to leave the profile as it is
--       13 profile document  14 profile TTL in s, 0 = keep  15 how many session ids to keep
--       16 documents of sessions that ended before this have expired, Unix ms
--       17 without KEYS[6]: the user id that the number belonged to a moment ago, or ''
--       18 largest profile document in bytes
--
-- Answers {status, text, document, number}:
--   'applied'    session and profile are written; text = the profile's revision
--   'kept'       the session is written; the stored profile is not ours to change (newer schema, or damaged)
--   'conflict'   the session is written; the profile has moved on, text = its revision, document = what it is now
-- and, with nothing changed:
--   'duplicate'  written before
--   'differs'    another copy is stored; text = its digest, document = it, or '', number = its turns
--   'mapped'     text = the user id that the number belongs to; commit again with it
--   'others'     the session is stored as another caller's
--   'erased'     the caller was erased
--   'wrongtype'  number = which key, text = the type found there

local expected = {'hash', 'hash', 'string', 'hash', 'zset', 'string'}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected[i] then
    return {'wrongtype', found, '', i}
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

-- A document, unless it is too large to be one of ours.
local function document_in(key, largest)
  if redis.call('HSTRLEN', key, 'doc') <= tonumber(largest) then
    return redis.call('HGET', key, 'doc') or ''
  end
  return ''
end

local remembered = #KEYS > 3
if redis.call('EXISTS', KEYS[3]) == 1 then
  return {'erased', '', '', 0}
end
local marker = redis.call('HMGET', KEYS[2], 'd', 'n', 'merged')
local first, same = not marker[1], marker[1] == ARGV[2]
if same and marker[3] == '1' then
  return {'duplicate', '', '', 0}
end
local owner = false
if KEYS[6] then
  owner = redis.call('GET', KEYS[6])
elseif remembered then
  owner = ARGV[17] ~= '' and ARGV[17]
end
local stored_as = redis.call('HGET', KEYS[1], 'uid')
if stored_as ~= ARGV[5] then
  if owner and owner ~= ARGV[5] then
    return {'mapped', owner, '', 0}
  end
  if stored_as then
    return {'others', '', '', 0}
  end
end
if not first and not same and marker[1] ~= ARGV[10] then
  return {'differs', marker[1], document_in(KEYS[1], ARGV[11]), count(marker[2]) or 0}
end

if not same then
  redis.call('HSET', KEYS[1], 'v', ARGV[7], 'doc', ARGV[4], 'uid', ARGV[5], 'ended', ARGV[6])
  keep_for(KEYS[1], ARGV[8])
  redis.call('HSET', KEYS[2], 'd', ARGV[2], 'n', ARGV[3], 'merged', '0')
  keep_for(KEYS[2], ARGV[9])
end
if not remembered then
  redis.call('HSET', KEYS[2], 'merged', '1')
  return {'applied', '0', '', 0}
end

-- The calls of a profile that is not ours to change are counted as well, if the counter is one.
local stored = redis.call('HMGET', KEYS[4], 'v', 'rev', 'calls', 'last')
local v, revision, calls, last = count(stored[1]), count(stored[2]), count(stored[3]), count(stored[4]) or 0
local size = redis.call('HSTRLEN', KEYS[4], 'doc')
local ours = ARGV[12] ~= 'none' and v and revision and calls and v <= tonumber(ARGV[7])
  and size <= tonumber(ARGV[18])
  and (revision > 0 or size == 0) -- a document without a revision was written by somebody else
if first and calls then
  redis.call('HINCRBY', KEYS[4], 'calls', 1)
end
if not same then
  if calls and tonumber(ARGV[6]) > last then -- a late write does not move the last call back
    redis.call('HSET', KEYS[4], 'last', ARGV[6])
  end
  redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1])
  -- Ids beyond the limit go, oldest first, but never one whose document still lives.
  local beyond = redis.call('ZCARD', KEYS[5]) - tonumber(ARGV[15])
  local expired = redis.call('ZCOUNT', KEYS[5], '-inf', '(' .. ARGV[16])
  local cut = math.min(beyond, expired)
  if cut > 0 then
    redis.call('ZREMRANGEBYRANK', KEYS[5], 0, cut - 1)
  end
end

local answer
if not ours then
  redis.call('HSET', KEYS[2], 'merged', '1')
  answer = {'kept', '', '', 0}
elseif revision == tonumber(ARGV[12]) then
  local next_revision = string.format('%d', revision + 1)
  redis.call('HSET', KEYS[4], 'v', ARGV[7], 'rev', next_revision, 'doc', ARGV[13])
  redis.call('HSET', KEYS[2], 'merged', '1')
  answer = {'applied', next_revision, '', 0}
else
  answer = {'conflict', string.format('%d', revision), document_in(KEYS[4], ARGV[18]), 0}
end

keep_for(KEYS[4], ARGV[14])
keep_for(KEYS[5], ARGV[14])
if KEYS[6] then
  if not owner then
    redis.call('SET', KEYS[6], ARGV[5])
  end
  if not owner or owner == ARGV[5] then
    keep_for(KEYS[6], ARGV[14])
  end
end
return answer
