package reliability_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// priceNano is what one answer of the fake provider costs: 10 tokens in and 20 out.
const priceNano = 10*1000 + 20*2000

// Both places that answers are kept in: spend and savings add up to what the calls would have cost, by key, team and
// model, in every report; the cache can be looked at, emptied and reloaded.
func TestCacheSavesWhatItSays(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"local", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			provider := testkit.NewProvider(t)
			params := "{type: local, ttl: 300}"
			if kind == "redis" {
				params = "{type: redis, ttl: 300, url: \"" + testkit.Redis(t) + "\"}"
			}
			s := testkit.Start(t, testkit.Options{Provider: provider, Config: testkit.DefaultConfig + "litellm_settings:\n  cache: true\n  cache_params: " + params + "\n"})
			red, blue := s.NewTeam(t, nil), s.NewTeam(t, nil)
			keys := map[string]string{
				red: s.GenerateKey(t, map[string]any{"team_id": red}).Secret, blue: s.GenerateKey(t, map[string]any{"team_id": blue}).Secret,
			}
			const questions, times = 10, 4
			var all sync.WaitGroup
			for _, key := range keys {
				for q := range questions {
					all.Go(func() {
						for i := range times {
							body := map[string]any{"model": "gpt-4o", "stream": i%2 == 1, "messages": []any{map[string]any{"role": "user", "content": fmt.Sprint("question ", q)}}}
							if resp := s.Do(t, http.MethodPost, "/v1/chat/completions", key, body); resp.Status != http.StatusOK {
								t.Errorf("%d %s", resp.Status, resp.Body)
							}
						}
					})
				}
			}
			all.Wait()
			if n := len(provider.Requests()); n != 2*questions {
				t.Errorf("the provider was asked %d times", n)
			}
			day := time.Now().UTC().Format(time.DateOnly)
			span := "start_date=" + day + "&end_date=" + day
			for team, key := range keys {
				var usage struct {
					Results []struct {
						Metrics struct {
							Spend, Saved float64
							Requests     int `json:"api_requests"`
							Hits         int `json:"cache_hits"`
							Read         int `json:"cache_read_input_tokens"`
						}
					}
				}
				within(t, "every call is booked", func() bool {
					resp := s.Do(t, http.MethodGet, "/team/daily/activity?team_ids="+team+"&"+span, testkit.MasterKey, nil)
					if err := json.Unmarshal(resp.Body, &usage); err != nil {
						t.Fatalf("%v in %s", err, resp.Body)
					}
					return len(usage.Results) == 1 && usage.Results[0].Metrics.Requests == questions*times
				})
				m := usage.Results[0].Metrics
				if nano(t, m.Spend) != questions*priceNano || nano(t, m.Spend)+nano(t, m.Saved) != questions*times*priceNano || m.Hits != questions*(times-1) {
					t.Errorf("team: %+v", m)
				}
				var rows []struct {
					Key       string `json:"api_key"`
					Model     string
					CallType  string `json:"call_type"`
					Rows      int    `json:"total_rows"`
					Hits      int    `json:"cache_hit_true_rows"`
					Cached    int    `json:"cached_completion_tokens"`
					Generated int    `json:"generated_completion_tokens"`
				}
				resp := s.Do(t, http.MethodGet, "/global/activity/cache_hits?"+span+"&api_key="+key, testkit.MasterKey, nil)
				if err := json.Unmarshal(resp.Body, &rows); err != nil || len(rows) != 1 {
					t.Fatalf("%v in %s", err, resp.Body)
				}
				if r := rows[0]; r.Rows != questions*times || r.Hits != questions*(times-1) || r.Cached != 20*r.Hits || r.Generated != 20*questions || len(r.Key) != 64 || r.Model != "gpt-4o" || r.CallType != "acompletion" {
					t.Errorf("cache hits: %+v", r)
				}
				if info := s.KeyInfo(t, key); fmt.Sprint(info["spend"]) != "0.0005" {
					t.Errorf("the key's spend is %v", info["spend"])
				}
			}
			logs := s.Do(t, http.MethodGet, "/spend/logs?api_key="+keys[red], testkit.MasterKey, nil)
			if n := strings.Count(string(logs.Body), `"cache_hit":"True"`); n != questions*(times-1) {
				t.Errorf("%d rows of hits", n)
			}
			cacheAdmin(t, s, keys[red])
		})
	}
}

// cacheAdmin looks at the cache, and empties it by key and as a whole.
func cacheAdmin(t *testing.T, s *testkit.Server, key string) {
	t.Helper()
	body := map[string]any{"model": "gpt-4o", "messages": []any{map[string]any{"role": "user", "content": "question 0"}}}
	ask := func() (state, cacheKey string) {
		resp := s.Do(t, http.MethodPost, "/v1/chat/completions", key, body)
		return resp.Header.Get("X-Gatehouse-Cache"), resp.Header.Get("X-Gatehouse-Cache-Key")
	}
	expect := func(what, want string) (cacheKey string) {
		t.Helper()
		got, k := ask()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		return k
	}
	if pong := s.Admin(t, http.MethodGet, "/cache/ping", nil); pong["status"] != "healthy" || pong["ping_response"] != true || pong["set_cache_response"] != "success" {
		t.Errorf("ping: %v", pong)
	}
	k := expect("before", "hit")
	if done := s.Admin(t, http.MethodPost, "/cache/delete", map[string]any{"keys": []string{k, "nonsense"}}); done["status"] != "success" || fmt.Sprint(done["deleted"]) != "1" {
		t.Errorf("delete: %v", done)
	}
	expect("after delete", "miss")
	expect("and then", "hit")
	if resp := s.Do(t, http.MethodPost, "/cache/flushall", key, nil); resp.Status == http.StatusOK {
		t.Error("a plain key may flush")
	}
	expect("after a refused flush", "hit")
	s.Admin(t, http.MethodPost, "/cache/flushall", nil)
	expect("after a flush", "miss")
}

// A Redis that takes connections and says nothing: calls are answered, and readiness says so.
func TestCacheRedisHangs(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	provider := testkit.NewProvider(t)
	s := testkit.Start(t, testkit.Options{Provider: provider, Config: testkit.DefaultConfig +
		"litellm_settings:\n  cache: true\n  cache_params: {type: redis, url: \"redis://" + ln.Addr().String() + "\"}\n"})
	key := s.GenerateKey(t, nil).Secret
	for range 12 {
		resp := s.Chat(t, key, "gpt-4o")
		if state := resp.Header.Get("X-Gatehouse-Cache"); resp.Status != http.StatusOK || state != "bypass" {
			t.Fatalf("%d, cache %q: %s", resp.Status, state, resp.Body)
		}
	}
	if ready := s.Admin(t, http.MethodGet, "/health/readiness", nil); ready["cache"] != "down" || ready["status"] != "healthy" {
		t.Errorf("readiness: %v", ready)
	}
	if resp := s.Do(t, http.MethodGet, "/cache/ping", testkit.MasterKey, nil); resp.Status != http.StatusServiceUnavailable || !strings.Contains(string(resp.Body), "cache_ping_error") {
		t.Errorf("ping: %d %s", resp.Status, resp.Body)
	}
}
