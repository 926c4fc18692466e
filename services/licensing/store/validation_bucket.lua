-- A token out of each bucket, if it holds one: the same rule as shared/token_bucket.py, by Redis's own clock.
-- KEYS[i]: a hash of one bucket: u (units) and a (when, ms). All of a batch come at the same instant, in order.
-- ARGV: now in ms (0: Redis's clock; tests alone give it); then for each key capacity and window in ms
-- Returns one string of big-endian 64-bit integers, for each key: 1 or 0, units after it
-- All numbers are integers below 2^53. Lua 5.1, Redis 7, Valkey, their clusters.
local call, pack, max, min = redis.call, struct.pack, math.max, math.min
local now = tonumber(ARGV[1])
if now == 0 then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local said = ''
for i = 1, #KEYS do
  local capacity, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local kept = call('HMGET', KEYS[i], 'u', 'a')
  local units, seen = tonumber(kept[1] or '-1'), tonumber(kept[2] or '0')
  local elapsed = max(0, now - seen)
  if units < 0 or elapsed >= window then
    units, seen = capacity * window, now
  else
    units, seen = min(capacity * window, units + elapsed * capacity), max(now, seen)
  end
  local admitted = units >= window
  if admitted then
    units = units - window
    call('HSET', KEYS[i], 'u', units, 'a', seen)
    call('PEXPIRE', KEYS[i], window + 1000)
  end
  said = said .. pack('>i8i8', admitted and 1 or 0, units)
end
return said
