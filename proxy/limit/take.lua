-- Admits one call on all of its scopes or on none. KEYS: for each scope its window (a hash) and its parallel calls (a
-- sorted set by end of lease). ARGV: window ms, lease ms, name of the lease, tokens expected, then for each scope the
-- limits of requests, tokens and parallel calls, -1 for none. The clock is the server's. A lease that stands already
-- is an ask that comes a second time: it is answered and not charged again.
-- Answers {1, now, start, requests, tokens, start, ...} or {0, now, scope, kind, limit, start}.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window, lease, name, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local scopes = #KEYS / 2
local seen = {}
local again = scopes > 0 and redis.call('ZSCORE', KEYS[2], name)
for i = 1, scopes do
	local h = redis.call('HMGET', KEYS[2 * i - 1], 's', 'r', 't')
	local s, r, k = tonumber(h[1]), tonumber(h[2]), tonumber(h[3])
	if not s or now - s >= window or now < s then
		s, r, k = now, 0, 0
	end
	seen[i] = { s, r or 0, k or 0 }
	local rpm, tpm, par = tonumber(ARGV[2 + 3 * i]), tonumber(ARGV[3 + 3 * i]), tonumber(ARGV[4 + 3 * i])
	if again then
		rpm, tpm, par = -1, -1, -1
	end
	if rpm >= 0 and seen[i][2] >= rpm then
		return { 0, now, i, 0, rpm, s }
	end
	if tpm >= 0 and seen[i][3] >= tpm then
		return { 0, now, i, 1, tpm, s }
	end
	if par >= 0 then
		redis.call('ZREMRANGEBYSCORE', KEYS[2 * i], '-inf', now)
		if redis.call('ZCARD', KEYS[2 * i]) >= par then
			return { 0, now, i, 2, par, s }
		end
	end
end
local out = { 1, now }
for i = 1, scopes do
	local c = seen[i]
	if not again then
		c[2], c[3] = c[2] + 1, c[3] + tokens
		redis.call('HSET', KEYS[2 * i - 1], 's', c[1], 'r', c[2], 't', c[3])
		redis.call('PEXPIRE', KEYS[2 * i - 1], 2 * window)
		redis.call('ZADD', KEYS[2 * i], now + lease, name)
		redis.call('PEXPIRE', KEYS[2 * i], 2 * lease)
	end
	out[#out + 1], out[#out + 2], out[#out + 3] = c[1], c[2], c[3]
end
return out
