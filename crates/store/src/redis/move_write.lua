-- Writes a session and its marker that were read in another user's slot; their TTLs go on.
--
-- KEYS  1 session  2 done
-- ARGV  1 the session's TTL in ms, -1 = keep for ever  2 how many of the next are the session's, then fields and values,
--       then the marker's TTL, then its fields and values
--
-- Answers {status, text, number}: 'ok', or 'wrongtype' with the type found and which key; nothing was written then.

for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then
    return {'wrongtype', found, i}
  end
end

local function write(key, ttl, first, last)
  if last > first then
    redis.call('HSET', key, unpack(ARGV, first, last))
    if tonumber(ttl) >= 0 then
      redis.call('PEXPIRE', key, math.max(tonumber(ttl), 1))
    else
      redis.call('PERSIST', key)
    end
  end
end
local behind = 3 + tonumber(ARGV[2])
write(KEYS[1], ARGV[1], 3, behind - 1)
write(KEYS[2], ARGV[behind], behind + 1, #ARGV)
return {'ok', '', 0}
