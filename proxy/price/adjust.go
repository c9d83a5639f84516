package price

import (
	"fmt"

	"gatehouse/models"
)

// Adjustments are cost_discount_config and cost_margin_config of the configuration, by provider.
type Adjustments struct {
	discount map[string]int64
	margin   map[string]margin
}

type margin struct {
	ppm   int64
	fixed models.Nano
}

// ParseAdjustments reads both maps as the configuration file gives them: a discount is a share ("0.05"), a margin is a
// share or {percentage, fixed_amount} with the amount in USD a call; the provider "global" holds for those not named.
func ParseAdjustments(discounts, margins map[string]any) (Adjustments, error) {
	a := Adjustments{discount: map[string]int64{}, margin: map[string]margin{}}
	for provider, v := range discounts {
		ppm, err := share(v)
		if err != nil || ppm > million {
			return a, fmt.Errorf("cost_discount_config.%s: a share between 0 and 1 is expected", provider)
		}
		a.discount[provider] = ppm
	}
	for provider, v := range margins {
		m, err := readMargin(v)
		if err != nil {
			return a, fmt.Errorf("cost_margin_config.%s: %w", provider, err)
		}
		a.margin[provider] = m
	}
	return a, nil
}

func readMargin(v any) (margin, error) {
	parts, ok := v.(map[string]any)
	if !ok {
		ppm, err := share(v)
		return margin{ppm: ppm}, err
	}
	var m margin
	var err error
	if m.ppm, err = share(parts["percentage"]); err != nil {
		return m, err
	}
	fixed, given, err := parseRate(parts["fixed_amount"])
	if err != nil {
		return m, err
	}
	if given {
		m.fixed = models.Nano(mulDiv(fixed, 1, million))
	}
	return m, nil
}

// share reads 0.05 as 50,000 parts per million; null is 0.
func share(v any) (int64, error) {
	rate, _, err := parseRate(v) // 1e15 for 1
	if err != nil {
		return 0, err
	}
	return mulDiv(rate, 1, 1_000_000_000), nil
}

// For is what holds for a provider: its own entry, else "global".
func (a Adjustments) For(provider string) Adjust {
	var out Adjust
	if ppm, ok := a.discount[provider]; ok {
		out.DiscountPPM = ppm
	} else {
		out.DiscountPPM = a.discount["global"]
	}
	m, ok := a.margin[provider]
	if !ok {
		m = a.margin["global"]
	}
	out.MarginPPM, out.MarginFixed = m.ppm, m.fixed
	return out
}
