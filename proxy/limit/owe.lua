-- Makes up for an ask whose answer was never seen. KEYS as in take.lua. ARGV: window ms, name of the lease, tokens, how
-- long ago it was asked in ms, 1 if the call was admitted all the same. A lease that stands shows that the ask was done.
-- One of a call that was not admitted is undone; a call that was admitted and is not counted is counted now, in the
-- window that it fell into. The lease goes in any case: nobody will end it.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window, name, tokens, age, admitted = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local at = now - age
local slack = 200 -- from the ask to its arrival here
for i = 1, #KEYS / 2 do
	local key = KEYS[2 * i - 1]
	local done = redis.call('ZREM', KEYS[2 * i], name) == 1
	local s = tonumber(redis.call('HGET', key, 's') or nil)
	if s and (now - s >= window or now < s) then
		s = nil
	end
	if admitted and not done and age < window then
		if not s then
			redis.call('HSET', key, 's', at, 'r', 1, 't', tokens)
			redis.call('PEXPIRE', key, 2 * window)
		elseif at + slack >= s then
			redis.call('HINCRBY', key, 'r', 1)
			redis.call('HINCRBY', key, 't', tokens)
		end
	elseif done and not admitted and s and at + slack >= s then
		if redis.call('HINCRBY', key, 'r', -1) < 0 then
			redis.call('HSET', key, 'r', 0)
		end
		if redis.call('HINCRBY', key, 't', -tokens) < 0 then
			redis.call('HSET', key, 't', 0)
		end
	end
end
return 1
