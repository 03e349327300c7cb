-- Tries each command that our scripts and we use, on a key that is nobody's, and leaves nothing there. Answers the names of
-- those that this user may not run or that the server does not have.
-- KEYS: a key of ours that is never there.
local key = KEYS[1]
local refused = {}

local function may(name, ...)
  local answer = redis.pcall(name, ...)
  local fault = type(answer) == 'table' and answer.err
  if fault and (string.find(fault, "can't run", 1, true) or string.find(fault, 'NOPERM', 1, true)
      or string.find(fault, 'no permissions', 1, true) or string.find(fault, 'nknown', 1, true)) then
    refused[#refused + 1] = name
    return false
  end
  return true
end

local can_unlink = may('UNLINK', key)
local can_remove = may('DEL', key) or can_unlink
local function clean()
  redis.pcall(can_unlink and 'UNLINK' or 'DEL', key)
end

-- What reads, or changes nothing of what is not there.
may('EXISTS', key)
may('TYPE', key)
may('PTTL', key)
may('GET', key)
may('MGET', key)
may('STRLEN', key)
may('HGET', key, 'a')
may('HMGET', key, 'a')
may('HGETALL', key)
may('HSTRLEN', key, 'a')
may('HDEL', key, 'a')
may('LLEN', key)
may('LRANGE', key, 0, 0)
may('LSET', key, 0, 'a')
may('LTRIM', key, 0, 0)
may('ZCARD', key)
may('ZCOUNT', key, 0, 0)
may('ZRANGE', key, 0, 0)
may('ZREVRANGE', key, 0, 0)
may('ZREMRANGEBYRANK', key, 0, 0)
may('ZREM', key, 'a')
may('EXPIRE', key, 1)
may('PEXPIRE', key, 1)
may('PERSIST', key)
may('RENAME', key, key)
may('SET', key, 'a', 'XX')
may('ZADD', key, 'XX', 1, 'a')

-- What leaves something, which nobody sees before it is gone again.
if can_remove then
  may('HSET', key, 'a', '1')
  may('HSETNX', key, 'a', '1')
  may('HINCRBY', key, 'a', 1)
  clean()
  may('RPUSH', key, 'a')
  clean()
end
return refused
