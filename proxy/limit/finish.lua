-- Ends one call. KEYS as in take.lua. ARGV: name of the lease, tokens to add (may be negative), 1 to give the request
-- back, then for each scope the start of the window that was charged. Tokens beyond the estimate count in the window in
-- which they became known; what was too much is given back only to the window that was charged.
local name, delta, undo = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
for i = 1, #KEYS / 2 do
	redis.call('ZREM', KEYS[2 * i], name)
	local s = redis.call('HGET', KEYS[2 * i - 1], 's')
	if s then
		local same = s == ARGV[3 + i]
		if same or delta > 0 then
			if redis.call('HINCRBY', KEYS[2 * i - 1], 't', delta) < 0 then
				redis.call('HSET', KEYS[2 * i - 1], 't', 0)
			end
		end
		if same and undo then
			redis.call('HINCRBY', KEYS[2 * i - 1], 'r', -1)
		end
	end
end
return 1
