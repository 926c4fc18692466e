-- A token out of one bucket, if it holds one: the same rule as shared/token_bucket.py, by Redis's own clock.
-- KEYS[1]: a hash of u (units) and a (when, ms). ARGV: capacity, window in ms, now in ms (0: Redis's clock; tests alone
-- give it). Returns {1 or 0, units after it}. All numbers are integers below 2^53.
local call, max, min = redis.call, math.max, math.min
local capacity, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local kept = call('HMGET', KEYS[1], 'u', 'a')
local units, seen = tonumber(kept[1] or '-1'), tonumber(kept[2] or '0')
local elapsed = max(0, now - seen)
if units < 0 or elapsed >= window then
  units, seen = capacity * window, now
else
  units, seen = min(capacity * window, units + elapsed * capacity), max(now, seen)
end
if units < window then return {0, units} end
units = units - window
call('HSET', KEYS[1], 'u', units, 'a', seen)
call('PEXPIRE', KEYS[1], window + 1000)
return {1, units}
