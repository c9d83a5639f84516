package price

import (
	"encoding/json"
	"testing"

	"gatehouse/models"
)

// The prices of proxy.md §12: 3 and 15 USD per million, 0.30 for reading the prompt cache, 3.75 for writing it.
func TestCacheSaving(t *testing.T) {
	t.Parallel()
	p, ok, err := FromConfig(map[string]any{
		"input_cost_per_token": 0.000003, "output_cost_per_token": 0.000015,
		"cache_read_input_token_cost": 0.0000003, "cache_creation_input_token_cost": 0.00000375,
	})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	tests := map[string]struct {
		usage Usage
		want  models.Nano
	}{
		"no cache":         {Usage{InputUncached: 100, OutputText: 50}, 0},
		"read and written": {Usage{InputUncached: 100, InputCacheRead: 1000, InputCacheWrite5m: 200, OutputText: 50}, 1000*2700 - 200*750},
		"written only":     {Usage{InputUncached: 100, InputCacheWrite5m: 200}, -200 * 750},
	}
	for name, tt := range tests {
		if got := p.CacheSaving(tt.usage, ""); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
	half := Adjust{DiscountPPM: 500_000, MarginFixed: 77}
	if up, down := half.Shift(1000), half.Shift(-1000); up != 500 || down != -500 {
		t.Errorf("at half the price: %d and %d", up, down)
	}
	if got := new(Price).CacheSaving(Usage{InputCacheRead: 5}, ""); got != 0 {
		t.Errorf("without a price: %d", got)
	}
}

func TestLinesAsJSON(t *testing.T) {
	t.Parallel()
	if got := AppendLines(nil, nil); got != nil {
		t.Errorf("no bill is %q", got)
	}
	bill := []Line{
		{Unit: Input, Quantity: 1300, Rate: 3_000_000_000, Nano: 3_900_000},
		{Unit: Discount, Quantity: 1, Rate: -50_000, Nano: -7},
		{Unit: CacheWrite1h, Nano: models.USD},
	}
	for n := 1; n <= len(bill); n++ {
		want, err := json.Marshal(bill[:n])
		if got := AppendLines(nil, bill[:n]); err != nil || string(got) != string(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
