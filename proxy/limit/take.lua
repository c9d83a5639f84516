-- Admits one call on all of its scopes or on none. KEYS: for each scope its window (a hash) and its parallel calls (a
-- sorted set by end of lease), then the replicas that may ask for more than their share (a hash, name to end of lease).
-- ARGV: window ms, lease ms, name of the lease, tokens expected, the last moment at which the answer is still awaited (0:
-- not known), how many other replicas there are, the name of this one, 1 if the call is within this one's share, then for
-- each scope the limits of requests, tokens and parallel calls, -1 for none. The clock is the server's. A lease that stands
-- already is an ask that comes a second time: it is answered and not charged again.
-- A call beyond the share is admitted only while all others have a lease of their own: one without may be taking its share
-- without asking. Answers {1, now, start, requests, tokens, start, ...}, {0, now, scope, kind, limit, start}, {2, now} when
-- not all others are heard of, or {3, now} when it comes too late to count.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local window, lease, name, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local last, others, me, within = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8] == '1'
if last > 0 and now > last then
	return { 3, now }
end
local scopes = (#KEYS - 1) / 2
local seen = {}
local again = scopes > 0 and redis.call('ZSCORE', KEYS[2], name)
for i = 1, scopes do
	local h = redis.call('HMGET', KEYS[2 * i - 1], 's', 'r', 't', 'e')
	local s, r, k, e = tonumber(h[1]), tonumber(h[2]), tonumber(h[3]), tonumber(h[4])
	if not s or now - s >= window or now < s then
		e = s and s + window or 0
		s, r, k = now, 0, 0
	end
	seen[i] = { s, r or 0, k or 0, e or 0 }
	local rpm, tpm, par = tonumber(ARGV[6 + 3 * i]), tonumber(ARGV[7 + 3 * i]), tonumber(ARGV[8 + 3 * i])
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
if others > 0 and not within and not again then
	local live = redis.call('HGETALL', KEYS[#KEYS])
	for i = 1, #live, 2 do
		if live[i] ~= me and tonumber(live[i + 1]) > now then
			others = others - 1
		end
	end
	if others > 0 then
		return { 2, now }
	end
end
local out = { 1, now }
for i = 1, scopes do
	local c = seen[i]
	if not again then
		c[2], c[3] = c[2] + 1, c[3] + tokens
		redis.call('HSET', KEYS[2 * i - 1], 's', c[1], 'r', c[2], 't', c[3], 'e', c[4])
		redis.call('PEXPIRE', KEYS[2 * i - 1], 2 * window)
		redis.call('ZADD', KEYS[2 * i], now + lease, name)
		redis.call('PEXPIRE', KEYS[2 * i], 2 * lease)
	end
	out[#out + 1], out[#out + 2], out[#out + 3] = c[1], c[2], c[3]
end
return out
