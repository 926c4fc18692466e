-- May this key call now? The same rule as domain/admission.py, in one round trip, for all processes together.
-- KEYS[1]: a hash of one key: by window l (units) and a (when, ms), r (refused), s (since, ms), b (banned until, ms)
-- ARGV: now in ms (0: Redis's own clock; tests alone give it), refused calls of the abuse rule's window in ms,
--       then capacity and window in ms of each bucket
-- Returns: decision (0 admitted, 1 limited, 2 banned), banned until, refused calls in the window, units of each bucket
-- All numbers are integers below 2^53. Lua 5.1, Redis 7, Valkey, their clusters.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local abuse_window = tonumber(ARGV[2])
local count = (#ARGV - 2) / 2

local fields = {'r', 's', 'b'}
for i = 1, count do
  fields[#fields + 1] = 'l' .. ARGV[2 + 2 * i]
  fields[#fields + 1] = 'a' .. ARGV[2 + 2 * i]
end
local kept = redis.call('HMGET', KEYS[1], unpack(fields))
local refused = tonumber(kept[1] or '0')
local since = tonumber(kept[2] or '0')
local banned_until = tonumber(kept[3] or '0')
if now - since >= abuse_window then refused = 0 end

local units, at, short, longest = {}, {}, false, abuse_window
for i = 1, count do
  local capacity, window = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  local level, seen = tonumber(kept[2 + 2 * i] or '-1'), tonumber(kept[3 + 2 * i] or '0')
  local elapsed = math.max(0, now - seen)
  if level < 0 or elapsed >= window then
    units[i], at[i] = capacity * window, now
  else
    units[i], at[i] = math.min(capacity * window, level + elapsed * capacity), math.max(now, seen)
  end
  if units[i] < window then short = true end
  if window > longest then longest = window end
end

local decision = 0
if now < banned_until then
  decision = 2
elseif short then
  decision = 1
  if refused == 0 then since = now end
  refused = refused + 1
  redis.call('HSET', KEYS[1], 'r', refused, 's', since)
  banned_until = 0
else
  banned_until = 0
  local written = {}
  for i = 1, count do
    units[i] = units[i] - tonumber(ARGV[2 + 2 * i])
    written[#written + 1] = 'l' .. ARGV[2 + 2 * i]
    written[#written + 1] = units[i]
    written[#written + 1] = 'a' .. ARGV[2 + 2 * i]
    written[#written + 1] = at[i]
  end
  if count > 0 then
    redis.call('HSET', KEYS[1], unpack(written))
    redis.call('PEXPIRE', KEYS[1], longest + 60000)
  end
end
return {decision, banned_until, refused, unpack(units)}
