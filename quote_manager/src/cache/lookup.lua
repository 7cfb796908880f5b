-- KEYS[1]: where the price of a stock stands.
-- Returns it with the milliseconds it has left, or nothing.
local value = redis.call('GET', KEYS[1])
if not value then
  return false
end
return { value, redis.call('PTTL', KEYS[1]) }
