-- Counts payments, failures and labels of the entities of one slot, and reads them: `domain/velocity.py` says what the
-- figures mean and is this script's own definition; tests hold the two together.
-- KEYS[i]: an entity's counters, `tg:fr:{<kind>:<value>}:velocity`. Whatever else is kept of it begins with that name,
--       whose braces keep all in one slot:
--   (itself)             four bytes, how many buckets of the minute, the hour, the day and the model's days follow; then
--                        these, RECORD each
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
local call, pack, read, sub, byte, min, concat =
  redis.call, struct.pack, struct.unpack, string.sub, string.byte, math.min, table.concat
local BUCKET_MS, BUCKETS = {5000, 300000, 3600000, 86400000}, {12, 12, 24, 38}
local HOUR_MS, HOURS, DAY_MS = 3600000, 24, 86400000
local HOUR, DAYS = 3, 4
local KEPT_MS, LONG_KEPT_MS, SEEN_MS = '90000000', '3456000000', '172800000'
local MOST_SEEN = 4096
local RECORD, SIZE = '>I4I4I4i8', 20 -- a bucket's number, its payments, its failures (of days: frauds), its cents

-- What `tally` found, used anew for each key, as tables are dear: per window sums of payments, of failures or frauds,
-- and of cents; numbers of the hours that had payments; the days' figures, four each.
local payments, others, cents_of = {}, {}, {}
local hours, hour_count, days, day_count = {}, 0, {}, 0
local heads, body, texts = {}, {}, {}

local function bucket_of(ms, size) return (ms - ms % size) / size end

local function text(number)
  local known = texts[number]
  if not known then
    known = string.format('%d', number)
    texts[number] = known
  end
  return known
end

-- An entity's buckets, with `a`, `b` and `c` (payments, failures or frauds, cents) added to those of `at` in the windows
-- from `first` to `final`, and written where there are any. One bucket before each window is kept for processes whose
-- clock is a little behind, and as many after it.
local function tally(key, now, at, first, final, a, b, c)
  local kept = call('GET', key) or '\0\0\0\0'
  local place, written = 5, 0
  hour_count, day_count = 0, 0
  for i = 1, 4 do
    local size, count = BUCKET_MS[i], BUCKETS[i]
    local last, own, before = bucket_of(now, size), nil, written
    local sum_a, sum_b, sum_c, records = 0, 0, 0, byte(kept, i)
    if i >= first and i <= final then
      own = bucket_of(at, size)
      if own < last - count then own = nil end
    end
    local r = 1
    while r <= records or own do
      local bucket, its_a, its_b, its_c, record
      if r <= records then
        bucket, its_a, its_b, its_c = read(RECORD, kept, place)
        record = final > 0 and sub(kept, place, place + SIZE - 1)
        place, r = place + SIZE, r + 1
      else
        bucket, its_a, its_b, its_c = own, 0, 0, 0
      end
      if bucket == own then
        its_a, its_b, its_c, own = its_a + a, its_b + b, its_c + c, nil
        record = pack(RECORD, bucket, its_a, its_b, its_c)
      end
      if bucket >= last - count and bucket <= last + count then
        written = written + 1
        body[written] = record
        if bucket > last - count and bucket <= last then
          sum_a, sum_b, sum_c = sum_a + its_a, sum_b + its_b, sum_c + its_c
          if i == HOUR and its_a > 0 then
            hour_count = hour_count + 1
            hours[hour_count] = bucket
          elseif i == DAYS then
            days[day_count + 1], days[day_count + 2], days[day_count + 3] = bucket, its_a, its_b
            days[day_count + 4], day_count = its_c, day_count + 4
          end
        end
      end
    end
    heads[i], payments[i], others[i], cents_of[i] = written - before, sum_a, sum_b, sum_c
  end
  if final > 0 then
    local lives = heads[DAYS] > 0 and LONG_KEPT_MS or KEPT_MS
    local head = pack('BBBB', heads[1], heads[2], heads[3], heads[4])
    call('SET', key, head .. concat(body, '', 1, written), 'PX', lives)
  end
end

-- Whether an event is new here. Beyond so many a day some are forgotten, any of them.
local function is_new(key, at, number)
  local name = key .. ':seen:' .. text(bucket_of(at, DAY_MS))
  if call('SADD', name, number) == 0 then return false end
  local known = call('SCARD', name)
  if known == 1 then call('PEXPIRE', name, SEEN_MS) end
  if known > MOST_SEEN then call('SPOP', name) end
  return true
end

local function different(start)
  if hour_count == 0 then return 0 end
  if hour_count == 1 then return call('PFCOUNT', start .. text(hours[1])) end
  local names = {}
  for i = 1, hour_count do names[i] = start .. text(hours[i]) end
  return call('PFCOUNT', unpack(names))
end

-- The days as they are said: without the payment itself.
local function said_days(key, at, number, cents, was_new)
  local own, said = bucket_of(at, DAY_MS), {}
  for d = 1, day_count, 4 do
    local day, its_payments, frauds, sum = days[d], days[d + 1], days[d + 2], days[d + 3]
    if day == own then
      its_payments, sum = its_payments - 1, sum - cents
      if not was_new and call('SISMEMBER', key .. ':frauds:' .. text(day), number) == 1 then frauds = frauds - 1 end
    end
    if its_payments > 0 then said[#said + 1] = pack('>i8i8i8i8', day, its_payments, sum, frauds) end
  end
  return pack('>i8', #said) .. concat(said)
end

local function count(key, now, at, number, cents, has_days, first, kinds, reads)
  local is_first = is_new(key, at, number)
  tally(key, now, at, 1, is_first and (has_days and DAYS or HOUR) or 0, 1, 0, cents)
  local hour, said = bucket_of(at, HOUR_MS), ''
  local counts = is_first and hour >= bucket_of(now, HOUR_MS) - HOURS
  if reads then
    said = pack('>i8i8i8i8i8i8i8', payments[1], payments[2], payments[3], others[1], others[2], others[3], cents_of[3])
  end
  for k = first, first + 2 * kinds - 2, 2 do
    local start, value = key .. ':' .. ARGV[k] .. ':', ARGV[k + 1]
    if counts and value ~= '' then
      local name = start .. text(hour)
      if call('PFADD', name, value) == 1 then call('PEXPIRE', name, KEPT_MS) end
    end
    if reads then said = said .. pack('>i8', different(start)) end
  end
  return reads and has_days and said .. said_days(key, at, number, cents, is_first) or said
end

-- A label for a payment that these days don't know is dropped: more frauds than payments are none.
local function learn(key, now, at, number, by)
  local day = bucket_of(at, DAY_MS)
  local name = key .. ':frauds:' .. text(day)
  tally(key, now, at, 1, 0, 0, 0, 0)
  for d = 1, day_count, 4 do
    local frauds = days[d + 2] + by
    if days[d] == day and frauds >= 0 and frauds <= days[d + 1] then
      if call(by == 1 and 'SADD' or 'SREM', name, number) == 1 then
        call('PEXPIRE', name, LONG_KEPT_MS)
        tally(key, now, at, DAYS, DAYS, 0, by, 0)
      end
      return
    end
  end
end

local said, next = {}, 1
for i, key in ipairs(KEYS) do
  local what, now, number = ARGV[next], tonumber(ARGV[next + 1]), ARGV[next + 3]
  local at, cents, kinds = min(now, tonumber(ARGV[next + 2])), tonumber(ARGV[next + 4]), tonumber(ARGV[next + 6])
  said[i] = ''
  if what == 'f' then
    if is_new(key, at, number) then tally(key, now, at, 1, HOUR, 0, 1, 0) end
  elseif what == 'l' or what == 'u' then
    learn(key, now, at, number, what == 'l' and 1 or -1)
  else
    said[i] = count(key, now, at, number, cents, ARGV[next + 5] == '1', next + 7, kinds, what == 'p')
  end
  next = next + 7 + 2 * kinds
end
return concat(said)
