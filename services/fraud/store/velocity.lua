-- Counts payments, failures and labels of the entities of one slot, and reads them: `domain/velocity.py` says what the
-- figures mean and is this script's own definition; tests hold the two together.
-- KEYS[i]: an entity's counters, `tg:fr:{<kind>:<value>}:velocity`. Whatever else is kept of it begins with that name,
--       whose braces keep all in one slot:
--   (itself)             buckets of the minute, the hour and the day
--   :days                days of the model's history
--   :seen:<day>          what was counted, by numbers of 63 bits made of the event's id; a set of integers
--   :frauds:<day>        payments of a day that are known as frauds, by such numbers
--   :<kind>:<hour>       a HyperLogLog of the values of a kind that an hour saw
-- ARGV, for each key: p (count a payment and read), c (count a payment), f (count a failure), l (it was fraud) or u (it
--       was none); now and the event's instant, ms; the event's number; cents; 1 where the entity has days, else 0; how
--       many kinds are told apart, and for each its name and the event's value ('' where it is not known)
-- Returns one string of big-endian 64-bit integers: for each p payments within a minute, an hour, a day, failures
--       within the same, cents of the day, different values of each kind; and where it has days how many follow, and of
--       each day its number, payments, cents, frauds.
-- All numbers but events' are integers below 2^53. Lua 5.1, Redis 7, Valkey, their clusters.
local call, pack, read, floor, min = redis.call, struct.pack, struct.unpack, math.floor, math.min
local BUCKET_MS, BUCKETS = {5000, 300000, 3600000}, {12, 12, 24}
local DAY_MS, DAYS = 86400000, 38
local KEPT_MS, SEEN_MS = 90000000, 172800000
local MOST_SEEN = 4096
local RECORD = '>I4I4I4i8' -- a bucket's number, and three figures of it: payments, failures or frauds, cents

-- The records of `kept` from `place` on that are of `count` buckets up to `last`, with `by` added to the bucket `own`
-- (nil: to none). One older bucket is kept for processes whose clock is a little behind, and as many later ones.
-- Returns them, their sums without those beyond the window, the next place, and the numbers of the buckets in it.
local function fold(kept, place, records, last, count, own, by)
  local written, sums, inside, found = {}, {0, 0, 0}, {}, false
  local function keep(bucket, a, b, c)
    if bucket < last - count or bucket > last + count then return end
    written[#written + 1] = pack(RECORD, bucket, a, b, c)
    if bucket > last - count and bucket <= last then
      sums[1], sums[2], sums[3] = sums[1] + a, sums[2] + b, sums[3] + c
      if a > 0 then inside[#inside + 1] = bucket end
    end
  end
  for _ = 1, records do
    local bucket, a, b, c
    bucket, a, b, c, place = read(RECORD, kept, place)
    if bucket == own then
      a, b, c, found = a + by[1], b + by[2], c + by[3], true
    end
    keep(bucket, a, b, c)
  end
  if own and not found then keep(own, by[1], by[2], by[3]) end
  return written, sums, place, inside
end

local function tally(key, now, at, by)
  local kept = call('GET', key) or '\0\0\0'
  local heads, body, sums, hours, place = {}, {}, {}, nil, 4
  for i = 1, 3 do
    local own = by and floor(at / BUCKET_MS[i])
    local written
    written, sums[i], place, hours =
      fold(kept, place, string.byte(kept, i), floor(now / BUCKET_MS[i]), BUCKETS[i], own, by)
    heads[i], body[i] = #written, table.concat(written)
  end
  if by then call('SET', key, pack('BBB', heads[1], heads[2], heads[3]) .. table.concat(body), 'PX', KEPT_MS) end
  return sums, hours
end

local function days_of(key, now, at, by)
  local kept = call('GET', key .. ':days') or ''
  local written = fold(kept, 1, #kept / 20, floor(now / DAY_MS), DAYS, by and floor(at / DAY_MS), by)
  if by then call('SET', key .. ':days', table.concat(written), 'PX', (DAYS + 2) * DAY_MS) end
  return written
end

-- Whether an event is new here. Beyond so many a day some are forgotten, any of them.
local function is_new(key, at, number)
  local name = key .. ':seen:' .. floor(at / DAY_MS)
  if call('SADD', name, number) == 0 then return false end
  if call('SCARD', name) > MOST_SEEN then call('SPOP', name) end
  call('PEXPIRE', name, SEEN_MS)
  return true
end

local function different(key, kind, hours)
  local names = {}
  for i = 1, #hours do names[i] = key .. ':' .. kind .. ':' .. hours[i] end
  return #names > 0 and call('PFCOUNT', unpack(names)) or 0
end

-- The days as they are said: without the payment itself.
local function said_days(key, now, at, number, cents, was_new)
  local own, today, said, count = floor(at / DAY_MS), floor(now / DAY_MS), {}, 0
  for _, record in ipairs(days_of(key, now, at, nil)) do
    local day, payments, frauds, sum = read(RECORD, record)
    if day == own then
      payments, sum = payments - 1, sum - cents
      if not was_new and call('SISMEMBER', key .. ':frauds:' .. day, number) == 1 then frauds = frauds - 1 end
    end
    if payments > 0 and day > today - DAYS and day <= today then
      count = count + 1
      said[count] = pack('>i8i8i8i8', day, payments, sum, frauds)
    end
  end
  return pack('>i8', count) .. table.concat(said)
end

local function count(key, now, at, number, cents, has_days, kinds, reads)
  local is_first = is_new(key, at, number)
  local sums, hours = tally(key, now, at, is_first and {1, 0, cents} or nil)
  if is_first and has_days then days_of(key, now, at, {1, 0, cents}) end
  local hour, said = floor(at / BUCKET_MS[3]), {}
  for i, kind in ipairs(kinds) do
    if is_first and kind[2] ~= '' and hour >= floor(now / BUCKET_MS[3]) - BUCKETS[3] then
      local name = key .. ':' .. kind[1] .. ':' .. hour
      if call('PFADD', name, kind[2]) == 1 then call('PEXPIRE', name, KEPT_MS) end
    end
    if reads then said[i] = pack('>i8', different(key, kind[1], hours)) end
  end
  if not reads then return '' end
  return pack('>i8i8i8i8i8i8i8', sums[1][1], sums[2][1], sums[3][1], sums[1][2], sums[2][2], sums[3][2], sums[3][3])
    .. table.concat(said) .. (has_days and said_days(key, now, at, number, cents, is_first) or '')
end

-- A label for a payment that these days don't know is dropped: more frauds than payments are none.
local function learn(key, now, at, number, by)
  local day = floor(at / DAY_MS)
  local name = key .. ':frauds:' .. day
  for _, record in ipairs(days_of(key, now, at, nil)) do
    local its, payments, frauds = read(RECORD, record)
    if its == day and frauds + by >= 0 and frauds + by <= payments then
      if call(by == 1 and 'SADD' or 'SREM', name, number) == 0 then return end
      call('PEXPIRE', name, (DAYS + 2) * DAY_MS)
      days_of(key, now, at, {0, by, 0})
    end
  end
end

local said, next = {}, 1
for i, key in ipairs(KEYS) do
  local what, now, number = ARGV[next], tonumber(ARGV[next + 1]), ARGV[next + 3]
  local at, cents = min(now, tonumber(ARGV[next + 2])), tonumber(ARGV[next + 4])
  local kinds, known = {}, tonumber(ARGV[next + 6])
  for k = 1, known do kinds[k] = {ARGV[next + 5 + 2 * k], ARGV[next + 6 + 2 * k]} end
  said[i] = ''
  if what == 'f' then
    if is_new(key, at, number) then tally(key, now, at, {0, 1, 0}) end
  elseif what == 'l' or what == 'u' then
    learn(key, now, at, number, what == 'l' and 1 or -1)
  else
    said[i] = count(key, now, at, number, cents, ARGV[next + 5] == '1', kinds, what == 'p')
  end
  next = next + 7 + 2 * known
end
return table.concat(said)
