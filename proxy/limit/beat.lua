-- Says that a replica is here and does nothing without asking. KEYS: the replicas, name to end of lease. ARGV: the name, the
-- end of its lease by the clock of this server, 0 to change nothing. Answers the time.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local till = tonumber(ARGV[2])
if till > 0 then
	if redis.call('HSET', KEYS[1], ARGV[1], till) == 1 then
		local live = redis.call('HGETALL', KEYS[1])
		for i = 1, #live, 2 do
			if tonumber(live[i + 1]) < now - 60000 then
				redis.call('HDEL', KEYS[1], live[i])
			end
		end
	end
	redis.call('PEXPIRE', KEYS[1], 60000)
end
return now
