package app

import (
	"bytes"
	"log/slog"

	"gatehouse/app/config"
	"gatehouse/proxy/price"
)

const pricesMost = 64 << 20 // bytes of a price list

// fetchPrices loads LITELLM_MODEL_COST_MAP_URL. Whatever goes wrong there, the built-in prices stand: a start must not end
// on somebody else's server, nor may its outage make models free.
func (p *process) fetchPrices(cfg *config.Config) *price.Table {
	text, err := fetch(cfg.Server, cfg.Prices.Map, pricesMost)
	if err == nil {
		var file *price.File
		if file, err = price.LoadLiteLLM(bytes.NewReader(text)); err == nil {
			return price.New(p.now, file)
		}
	}
	p.log.Warn("the price list at LITELLM_MODEL_COST_MAP_URL cannot be had; the built-in prices stand", slog.Any("error", err))
	return price.New(p.now)
}
