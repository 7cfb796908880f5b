-- KEYS[1]: where the price of a stock stands.
-- ARGV[1]: a price; ARGV[2]: when it ends, in milliseconds of this server's own clock; ARGV[3]: the
-- most that it can have left; ARGV[4]: what any price has at most.
-- Keeps it unless one that ends later stands there. Returns 1 if it does, 0 if not.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
local left = math.min(ARGV[2] - now, tonumber(ARGV[3]))
if left < 1 then
  return 0
end
-- What stands there for ever, or for longer than a price can, is none.
local standing = redis.call('PTTL', KEYS[1])
if standing >= left and standing <= tonumber(ARGV[4]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', left)
return 1
