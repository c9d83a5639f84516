package route

import (
	"gatehouse/models"
)

// option is a deployment that could serve the call now.
type option struct {
	d     *models.Deployment
	state *state
	view  view
}

// costUnknown is what a deployment without a price is taken to cost: a dollar, as in LiteLLM.
const costUnknown = int64(models.USD)

// choose takes one of several options.
func (p *Plan) choose(options []option) *option {
	if len(options) == 1 {
		return &options[0]
	}
	switch p.settings.Strategy {
	case LeastBusy:
		return p.lowest(options, func(o *option) float64 { return float64(o.view.inFlight) }, 0)
	case LatencyBased:
		return p.lowest(options, func(o *option) float64 { return o.view.latency }, p.settings.LatencyBuffer)
	case UsageBased, UsageBasedV2:
		return p.lowest(options, func(o *option) float64 { return float64(o.view.tokens) }, 0)
	case CostBased:
		return p.lowest(options, func(o *option) float64 {
			if p.req.Cost != nil {
				if nano, ok := p.req.Cost(o.d); ok {
					return float64(nano) // for comparison alone: no amount is made of it
				}
			}
			return float64(costUnknown)
		}, 0)
	case Shuffle:
	}
	return p.shuffle(options)
}

// lowest takes one of the options with the lowest score, or within buffer of it, at random.
func (p *Plan) lowest(options []option, score func(*option) float64, buffer float64) *option {
	best := score(&options[0])
	for i := range options[1:] {
		best = min(best, score(&options[i+1]))
	}
	limit := best * (1 + max(0, buffer))
	n := 0
	var picked *option
	for i := range options {
		if score(&options[i]) > limit {
			continue
		}
		// Each of the n so far with the same chance, in one pass.
		n++
		if picked == nil || p.router.opt.Rand()*float64(n) < 1 {
			picked = &options[i]
		}
	}
	return picked
}

// shuffle draws by weight, else by rpm, else by tpm: the first of the three that any option sets; those without it
// count 0. Else all alike.
func (p *Plan) shuffle(options []option) *option {
	for _, weigh := range [...]func(*models.Deployment) float64{
		func(d *models.Deployment) float64 { return float(d.Weight) },
		func(d *models.Deployment) float64 { return whole(d.RPM) },
		func(d *models.Deployment) float64 { return whole(d.TPM) },
	} {
		sum := 0.0
		for i := range options {
			sum += weigh(options[i].d)
		}
		if sum <= 0 {
			continue
		}
		at := p.router.opt.Rand() * sum
		last := &options[0]
		for i := range options {
			w := weigh(options[i].d)
			if w <= 0 {
				continue
			}
			if last = &options[i]; at < w {
				break
			}
			at -= w
		}
		return last
	}
	return &options[min(int(p.router.opt.Rand()*float64(len(options))), len(options)-1)]
}

func float(p *float64) float64 {
	if p == nil {
		return 0
	}
	return max(0, *p)
}

func whole(p *int64) float64 {
	if p == nil {
		return 0
	}
	return float64(max(0, *p))
}
