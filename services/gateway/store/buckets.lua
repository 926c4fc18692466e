-- May these keys call now, so many times each? The same rule as domain/admission.py, for all processes together, and
-- for all keys of a batch that lie in one slot, in order; all of a batch's calls come at the same instant.
-- KEYS[i]: a hash of one key: by window l (units) and a (when, ms), r (refused), s (since, ms), b (banned until, ms)
-- ARGV: now in ms (0: Redis's own clock; tests alone give it), refused calls of the abuse rule's window in ms; then for
--       each key: calls to judge, calls admitted elsewhere and not yet counted here, how many buckets, and capacity and
--       window in ms of each
-- Returns one string of big-endian 64-bit integers, for each key: calls admitted (the first ones; the rest is limited,
--       or all are banned), banned until (0: no ban), refused calls in the window, units of each bucket
-- All numbers are integers below 2^53. Lua 5.1, Redis 7, Valkey, their clusters.
local call, pack, max, min = redis.call, struct.pack, math.max, math.min
local now = tonumber(ARGV[1])
if now == 0 then
  local time = call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local abuse_window = tonumber(ARGV[2])

-- One key: what of it fits in is admitted, and what is written is written once.
local function judge(key, times, spent, count, first)
  local fields = {'r', 's', 'b'}
  for i = 1, count do
    local window = ARGV[first + 2 * i - 1]
    fields[2 + 2 * i] = 'l' .. window
    fields[3 + 2 * i] = 'a' .. window
  end
  local kept = call('HMGET', key, unpack(fields))
  local refused = tonumber(kept[1] or '0')
  local since = tonumber(kept[2] or '0')
  local banned_until = tonumber(kept[3] or '0')
  if now - since >= abuse_window then refused = 0 end
  local banned = now < banned_until

  local units, at, windows, fitting, longest = {}, {}, {}, times, abuse_window
  for i = 1, count do
    local capacity, window = tonumber(ARGV[first + 2 * i - 2]), tonumber(ARGV[first + 2 * i - 1])
    local level, seen = tonumber(kept[2 + 2 * i] or '-1'), tonumber(kept[3 + 2 * i] or '0')
    local elapsed = max(0, now - seen)
    if level < 0 or elapsed >= window then
      level, seen = capacity * window, now
    else
      level, seen = min(capacity * window, level + elapsed * capacity), max(now, seen)
    end
    level = max(0, level - spent * window)
    units[i], at[i], windows[i] = level, seen, window
    fitting = min(fitting, math.floor(level / window))
    longest = max(longest, window)
  end

  local admitted = banned and 0 or fitting
  local written = {}
  if count > 0 and admitted + spent > 0 then
    for i = 1, count do
      units[i] = units[i] - admitted * windows[i]
      written[4 * i - 3], written[4 * i - 2] = fields[2 + 2 * i], units[i]
      written[4 * i - 1], written[4 * i] = fields[3 + 2 * i], at[i]
    end
  end
  if not banned and admitted < times then
    if refused == 0 then since = now end
    refused = refused + times - admitted
    local n = #written
    written[n + 1], written[n + 2], written[n + 3], written[n + 4] = 'r', refused, 's', since
  end
  if #written > 0 then
    if banned then longest = max(longest, banned_until - now) end
    call('HSET', key, unpack(written))
    call('PEXPIRE', key, longest + 60000)
  end
  local said = pack('>i8i8i8', admitted, banned and banned_until or 0, refused)
  for i = 1, count do said = said .. pack('>i8', units[i]) end
  return said
end

local said, first = {}, 3
for i = 1, #KEYS do
  local count = tonumber(ARGV[first + 2])
  said[i] = judge(KEYS[i], tonumber(ARGV[first]), tonumber(ARGV[first + 1]), count, first + 3)
  first = first + 3 + 2 * count
end
return table.concat(said)
