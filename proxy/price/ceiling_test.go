package price_test

import (
	"testing"

	"pgregory.net/rapid"

	"gatehouse/models"
	"gatehouse/proxy/price"
)

func configured(t interface {
	Helper()
	Fatal(args ...any)
}, params map[string]any,
) price.Price {
	t.Helper()
	p, ok, err := price.FromConfig(params)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return p
}

// dear has a rate for everything that a call can turn into.
var dear = map[string]any{
	"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000004, "cache_creation_input_token_cost": 0.00000125,
	"cache_creation_input_token_cost_above_1hr": 0.000002, "input_cost_per_audio_token": 0.00001, "output_cost_per_audio_token": 0.00002,
	"output_cost_per_reasoning_token": 0.000006, "input_cost_per_token_above_200k_tokens": 0.000002,
	"output_cost_per_token_above_200k_tokens": 0.000008, "input_cost_per_token_priority": 0.000003,
	"output_cost_per_token_priority": 0.000012, "input_cost_per_request": 0.001,
}

func TestCeiling(t *testing.T) {
	t.Parallel()
	p := configured(t, dear)
	for _, tc := range []struct {
		name  string
		input int64
		kinds price.Kinds
		in    models.Nano
		out   int64
	}{
		{"plain", 1000, price.Kinds{}, 1_000*1000 + 1_000_000, 6_000_000_000},
		{"with caching", 1000, price.Kinds{Cached: true}, 2_000*1000 + 1_000_000, 6_000_000_000},
		{"with sound", 1000, price.Kinds{Media: true}, 10_000*1000 + 1_000_000, 20_000_000_000},
		{"at a tier", 1000, price.Kinds{Tiered: true}, 3_000*1000 + 1_000_000, 12_000_000_000},
		{"a long one", 300_000, price.Kinds{}, 2_000*300_000 + 1_000_000, 8_000_000_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in, out := p.Ceiling(tc.input, tc.kinds)
			if in != tc.in || out != tc.out {
				t.Errorf("got %d and %d, want %d and %d", in, out, tc.in, tc.out)
			}
		})
	}
	if in, out := (&price.Price{}).Ceiling(1000, price.Kinds{}); in != 0 || out != 0 {
		t.Errorf("no price: %d and %d", in, out)
	}
	if in, out := (price.Adjust{MarginPPM: 200_000, MarginFixed: 7}).Ceiling(100, 1000); in != 127 || out != 1200 {
		t.Errorf("with a margin: %d and %d", in, out)
	}
}

// Whatever the call turns into, its bill is within the ceiling, adjusted or not.
func TestNoBillPassesItsCeiling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := configured(t, dear)
		count := func(name string) int64 { return rapid.Int64Range(0, 150_000).Draw(t, name) }
		k := price.Kinds{Cached: rapid.Bool().Draw(t, "cached"), Media: rapid.Bool().Draw(t, "media"), Tiered: rapid.Bool().Draw(t, "tiered")}
		u := price.Usage{InputUncached: count("in"), InputCacheRead: count("read"), OutputText: count("out"), OutputReasoning: count("reasoning"), Requests: 1}
		if k.Cached {
			u.InputCacheWrite5m, u.InputCacheWrite1h = count("5m"), count("1h")
		}
		if k.Media {
			u.InputAudio, u.OutputAudio = count("audio"), count("spoken")
		}
		tier := ""
		if k.Tiered {
			tier = rapid.SampledFrom([]string{"", "flex", "priority", "batch", "auto"}).Draw(t, "tier")
		}
		a := price.Adjust{
			UpliftPPM: rapid.Int64Range(0, 300_000).Draw(t, "uplift"), DiscountPPM: rapid.Int64Range(0, 500_000).Draw(t, "discount"),
			MarginPPM: rapid.Int64Range(0, 500_000).Draw(t, "margin"), MarginFixed: models.Nano(rapid.Int64Range(0, 1000).Draw(t, "fixed")),
		}
		cost, lines := p.Cost(u, tier)
		cost, _ = a.Apply(cost, lines)
		in, perMillion := a.Ceiling(p.Ceiling(u.InputTotal()+rapid.Int64Range(0, 1000).Draw(t, "bound"), k))
		most := in + models.Nano((u.OutputTotal()*perMillion+999_999)/1_000_000) + models.Nano(len(lines)+3) // a line is rounded by itself
		if cost > most {
			t.Fatalf("%d, but at most %d: %+v", cost, most, u)
		}
	})
}
