package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"gatehouse/models/store"
	"gatehouse/proxy/route"
)

// cooldowns tells the other replicas which deployments are left alone here, and hears theirs (contract/proxy.md §4.3). It is a help
// and no promise: news that is lost costs the others a failure of their own.
type cooldowns struct {
	store   *store.Store
	replica string
	router  *route.Router
	known   func(id string) bool
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	pending map[string]time.Time // by deployment, until when; the zero time: no more
	own     map[string]time.Time // those that began here and last, as far as is known
	wake    chan struct{}
}

const (
	// coolEvery bounds how often news is sent, whatever happens to the deployments.
	coolEvery = 100 * time.Millisecond
	// coolAgain is how often what lasts is told again, for replicas that have just started or lost their connection.
	coolAgain = 5 * time.Second
	// coolLimit is how long the database may take, and coolAtOnce how many deployments one message names: PostgreSQL carries
	// 8,000 bytes.
	coolLimit  = 2 * time.Second
	coolAtOnce = 20
	coolID     = 256
)

// cooldownNews is the message. Times are spans, since clocks differ.
type cooldownNews struct {
	From string           `json:"from"`
	Rest map[string]int64 `json:"rest"` // ms by deployment id; 0: it has ended
}

// tell notes what the others are to hear. It does not block.
func (c *cooldowns) tell(id string, until time.Time) {
	if len(id) > coolID {
		return
	}
	c.mu.Lock()
	if c.pending == nil {
		c.pending, c.own = map[string]time.Time{}, map[string]time.Time{}
	}
	c.pending[id] = until
	if c.own[id] = until; until.IsZero() {
		delete(c.own, id)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run sends news until ctx ends.
func (c *cooldowns) run(ctx context.Context) error {
	tick, again := time.NewTicker(coolEvery), time.NewTicker(coolAgain)
	defer tick.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wake:
		case <-again.C:
			c.renew()
		}
		for c.send(ctx) {
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// renew makes what began here and lasts news again.
func (c *cooldowns) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, until := range c.own {
		if c.router.Status(id).CoolFor <= 0 { // over, or ended by another replica
			delete(c.own, id)
		} else if _, news := c.pending[id]; !news {
			c.pending[id] = until
		}
	}
}

// send sends one message; more says that another one is due.
func (c *cooldowns) send(ctx context.Context) (more bool) {
	news := cooldownNews{From: c.replica, Rest: map[string]int64{}}
	now := c.now()
	c.mu.Lock()
	for id, until := range c.pending {
		if len(news.Rest) == coolAtOnce {
			break
		}
		delete(c.pending, id)
		if until.IsZero() {
			news.Rest[id] = 0
		} else if ms := until.Sub(now).Milliseconds(); ms > 0 {
			news.Rest[id] = ms
		}
	}
	more = len(c.pending) > 0
	c.mu.Unlock()
	if len(news.Rest) == 0 {
		return more
	}
	raw, err := json.Marshal(news)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, coolLimit)
		defer cancel()
		err = c.store.TellRoute(ctx, string(raw))
	}
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "the other replicas were not told of a cooldown", slog.Any("error", err))
	}
	return more && err == nil
}

// heard takes what a replica has sent.
func (c *cooldowns) heard(raw string) {
	var news cooldownNews
	if json.Unmarshal([]byte(raw), &news) != nil || news.From == c.replica {
		return
	}
	for id, ms := range news.Rest {
		if !c.known(id) {
			continue
		}
		until := time.Time{}
		if ms > 0 {
			until = c.now().Add(time.Duration(ms) * time.Millisecond)
		}
		c.router.Cool(id, until)
	}
}

// shareCooldowns makes the one that the router of this process tells, nil where there are no other replicas.
func (p *process) shareCooldowns() *cooldowns {
	if !p.store.IsPostgres() {
		return nil
	}
	return &cooldowns{
		store: p.store, replica: p.ledger.Replica(), now: p.now, log: p.log, wake: make(chan struct{}, 1),
		known: func(id string) bool { return p.ring.Snapshot().Catalog().ByID(id) != nil },
	}
}

// start hears and tells for a router until the background ends.
func (c *cooldowns) start(p *process, router *route.Router, background context.Context) { //nolint:revive // the background is no context of this call
	if c == nil {
		return
	}
	c.router = router
	c.store.OnRouteNews(c.heard)
	p.goRun(background, "cooldowns", c.run)
}
