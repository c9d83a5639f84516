package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/web"
)

func (h *Handlers) cacheOps() []Op {
	return []Op{
		op(Op{Method: "GET", Path: "/cache/ping", Action: access.CachePing, Tag: "cache", Doc: "Whether the response cache answers; 503 while it does not or there is none."}, h.cachePing),
		op(Op{
			Method: "POST", Path: "/cache/delete", Action: access.CacheWrite, Tag: "cache",
			Doc: "Forgets kept answers by their keys, which calls show in x-gatehouse-cache-key.", Example: `{"keys":["0f0f"]}`,
		}, h.cacheDelete),
		op(Op{Method: "POST", Path: "/cache/flushall", Action: access.CacheWrite, Tag: "cache", Doc: "Forgets every kept answer, and nothing else that a Redis may hold."}, h.cacheFlush),
		op(Op{Method: "GET", Path: "/cache/redis/info", Action: access.CacheWrite, Tag: "cache", Doc: "What the Redis of the cache says of itself."}, h.cacheRedis),
	}
}

// cachePong is the answer of /cache/ping, in LiteLLM's words.
type cachePong struct {
	Status string         `json:"status"`
	Kind   string         `json:"cache_type"`
	Ping   bool           `json:"ping_response"`
	Set    string         `json:"set_cache_response"`
	Params map[string]any `json:"litellm_cache_params"`
	Redis  map[string]any `json:"redis_cache_params"`
}

func (h *Handlers) cachePing(c *fiber.Ctx, _ none) (cachePong, error) {
	state, err := h.Cache.Ping(c.UserContext(), web.Actor(c))
	if err != nil {
		return cachePong{}, err
	}
	return cachePong{Status: "healthy", Kind: state.Kind, Ping: true, Set: "success", Params: state.Params, Redis: map[string]any{}}, nil
}

type cacheKeys struct {
	Keys []string `json:"keys"`
}

type cacheDone struct {
	Status  string `json:"status"`
	Deleted *int   `json:"deleted,omitempty" doc:"How many of the keys there were."`
}

func (h *Handlers) cacheDelete(c *fiber.Ctx, in cacheKeys) (cacheDone, error) {
	n, err := h.Cache.Delete(c.UserContext(), web.Actor(c), in.Keys)
	if err != nil {
		return cacheDone{}, err
	}
	return cacheDone{Status: "success", Deleted: &n}, nil
}

func (h *Handlers) cacheFlush(c *fiber.Ctx, _ none) (cacheDone, error) {
	return cacheDone{Status: "success"}, h.Cache.Flush(c.UserContext(), web.Actor(c))
}

type redisInfo struct {
	Clients []map[string]string `json:"clients"`
	Count   int                 `json:"num_clients"`
	Info    map[string]string   `json:"info"`
}

func (h *Handlers) cacheRedis(c *fiber.Ctx, _ none) (redisInfo, error) {
	info, clients, err := h.Cache.Server(c.UserContext(), web.Actor(c))
	if err != nil {
		return redisInfo{}, err
	}
	out := redisInfo{Clients: []map[string]string{}, Info: map[string]string{}}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(line, "#") {
			out.Info[name] = value
		}
	}
	for line := range strings.Lines(clients) {
		client := map[string]string{}
		for part := range strings.FieldsSeq(line) {
			if name, value, ok := strings.Cut(part, "="); ok {
				client[name] = value
			}
		}
		if len(client) > 0 {
			out.Clients = append(out.Clients, client)
		}
	}
	out.Count = len(out.Clients)
	return out, nil
}
