-- Tells what happened without asking, one thing after the other. ARGV: window ms, lease ms, how many things, then each: what
-- it is, its name, tokens, how long ago it began in ms, a figure, how many scopes it has, and for an end the start of the
-- window that was charged in each, -1 where it is not known. KEYS: two for each scope of each thing, as in take.lua.
-- 'o': a call that may not be counted. The figure is how many calls it stands for; 0 is one that was refused here and may be
--      counted all the same. A lease that stands shows that it is. A call is counted in the window that it fell into, which
--      begins earlier if it came before the call that began it.
-- 'f': a call has ended. The figure is 1 to give the request back. Tokens beyond the estimate count in the window in which
--      they became known; what was too much is given back only to the window that was charged.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local slack = 200 -- from the ask to its arrival here
local arg, key = 4, 0

local function add(k, field, n)
	if redis.call('HINCRBY', k, field, n) < 0 then
		redis.call('HSET', k, field, 0)
	end
end

-- The window at k, and the end of the one before it; nothing where none is running.
local function running(k)
	local h = redis.call('HMGET', k, 's', 'e')
	local s, e = tonumber(h[1]), tonumber(h[2]) or 0
	if s and now - s >= window then
		return nil, s + window
	end
	if s and now < s then
		return nil, 0
	end
	return s, e
end

for _ = 1, tonumber(ARGV[3]) do
	local what, name, tokens, age = ARGV[arg], ARGV[arg + 1], tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3])
	local figure, scopes = tonumber(ARGV[arg + 4]), tonumber(ARGV[arg + 5])
	arg = arg + 6
	local at = now - age
	for _ = 1, scopes do
		local w, p = KEYS[key + 1], KEYS[key + 2]
		key = key + 2
		local s, e = running(w)
		if what == 'o' then
			local done = redis.call('ZSCORE', p, name)
			if figure == 0 then
				redis.call('ZREM', p, name)
				if done and s and at + slack >= s then
					add(w, 'r', -1)
					add(w, 't', -tokens)
				end
			else
				if not done and at + slack >= e and age < window then
					if not s then
						redis.call('HSET', w, 's', at, 'r', 0, 't', 0, 'e', e)
					elseif at < s then
						redis.call('HSET', w, 's', at)
					end
					redis.call('HINCRBY', w, 'r', figure)
					redis.call('HINCRBY', w, 't', tokens)
					redis.call('PEXPIRE', w, 2 * window)
				end
				redis.call('ZADD', p, now + lease, name)
				redis.call('PEXPIRE', p, 2 * lease)
			end
		else
			local start = tonumber(ARGV[arg])
			arg = arg + 1
			redis.call('ZREM', p, name)
			if s then
				local same
				if start < 0 then
					same = at + slack >= s
				else
					same = math.abs(s - start) < window
				end
				if same or tokens > 0 then
					add(w, 't', tokens)
				end
				if same and figure == 1 then
					add(w, 'r', -1)
				end
			end
		end
	end
end
return now
