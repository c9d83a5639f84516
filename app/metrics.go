package app

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"gatehouse/app/config"
	"gatehouse/models"
	"gatehouse/proxy"
	"gatehouse/proxy/budget"
	"gatehouse/proxy/keyring"
	"gatehouse/proxy/route"
	"gatehouse/proxy/spend"
)

const (
	metricsQueue = 8192
	// maxSeries bounds what callers can make this process remember; later label sets are counted together as "other".
	maxSeries = 20_000
	// noLabel is what LiteLLM writes where there is nothing.
	noLabel = "None"
)

// metrics counts finished calls for Prometheus. Calls hand over a few values and go on; one goroutine does the counting.
type metrics struct {
	ring    *keyring.Ring
	ledger  *spend.Ledger
	budget  *budget.Ledger
	router  *route.Router
	dbDown  func() bool
	now     func() time.Time
	queue   chan finishedCall
	lost    atomic.Int64
	gather  prometheus.Gatherer
	latency *prometheus.HistogramVec
	first   *prometheus.HistogramVec

	mu    sync.Mutex // guards what follows
	used  map[usageLabels]*usageSums
	calls map[callLabels]*int64
	// unpriced counts calls without a known price, by model group; over and overBy calls that took a budget past its cap.
	unpriced map[string]int64
	over     int64
	overBy   models.Nano
}

// finishedCall is what is taken of a record: owned strings and numbers.
type finishedCall struct {
	usage       usageLabels
	keyID       string
	code        string
	failed      bool
	unpriced    bool
	spend, over models.Nano
	in, out     int64
	took, first time.Duration // first is 0 where nothing came
}

// usageLabels never hold a secret: the key is its hash, and the master key its alias.
type usageLabels struct{ hash, alias, user, team, model string }

type usageSums struct {
	keyID   string
	spend   models.Nano
	in, out int64
}

type callLabels struct {
	usageLabels
	code   string
	failed bool
}

// countCalls turns metrics on where litellm_settings.callbacks has prometheus.
func (p *process) countCalls(cfg *config.Config, d *proxy.Deps) {
	if slices.Contains(cfg.LiteLLM.Callbacks, "prometheus") {
		p.metrics = p.newMetrics()
		d.Finished = p.metrics.Finished
	}
}

func (p *process) newMetrics() *metrics {
	m := &metrics{
		ring: p.ring, ledger: p.ledger, budget: p.budget, router: p.router, dbDown: func() bool { return p.health.dbDown.Load() }, now: p.now,
		queue: make(chan finishedCall, metricsQueue), used: map[usageLabels]*usageSums{}, calls: map[callLabels]*int64{}, unpriced: map[string]int64{},
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "litellm_request_total_latency_metric", Help: "Seconds from a call's arrival to the end of its answer.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"model"}),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "litellm_llm_api_time_to_first_token_metric", Help: "Seconds from a call's arrival to the first byte of the provider's answer.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"model"}),
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(m, m.latency, m.first, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.gather = reg
	return m
}

// Finished is proxy.Deps.Finished. It does not wait: where the counting is that far behind, calls go uncounted and the
// count of those is shown.
func (m *metrics) Finished(r *spend.Record) {
	c := finishedCall{
		usage: usageLabels{hash: r.KeyHash, alias: r.KeyAlias, user: r.UserID, team: r.TeamID, model: r.ModelGroup}, keyID: r.KeyID,
		code:     strconv.Itoa(r.HTTPStatus),
		unpriced: r.Unpriced, over: r.OvershootNano,
		failed: r.Status == spend.StatusFailure, spend: r.CostNano, in: r.Usage.InputTotal(), out: r.Usage.OutputTotal(), took: r.End.Sub(r.Start),
	}
	if r.DeploymentID == "" && !m.known(r.ModelGroup, r.TeamID) {
		c.usage.model = "" // a caller's invention
	}
	if !r.FirstByte.IsZero() {
		c.first = r.FirstByte.Sub(r.Start)
	}
	select {
	case m.queue <- c:
	default:
		m.lost.Add(1)
	}
}

func (m *metrics) known(model, team string) bool {
	_, ok := m.ring.Snapshot().Catalog().Resolve(model, team)
	return ok
}

// run counts until ctx ends.
func (m *metrics) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-m.queue:
			m.count(c)
		}
	}
}

func (m *metrics) count(c finishedCall) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.used[c.usage]
	if u == nil && len(m.used) >= maxSeries {
		c.usage = usageLabels{hash: "other", alias: "other", user: "other", team: "other", model: "other"}
		u = m.used[c.usage]
	}
	if u == nil {
		u = &usageSums{keyID: c.keyID}
		m.used[c.usage] = u
	}
	u.spend, u.in, u.out = u.spend.AddSat(c.spend), u.in+c.in, u.out+c.out
	labels := callLabels{usageLabels: c.usage, code: c.code, failed: c.failed}
	n := m.calls[labels]
	if n == nil {
		n = new(int64)
		m.calls[labels] = n
	}
	*n++
	if c.unpriced {
		m.unpriced[c.usage.model]++ // a name that is configured, or "other"
	}
	if c.over > 0 {
		m.over++
		m.overBy = m.overBy.AddSat(c.over)
	}
	m.latency.WithLabelValues(or(c.usage.model)).Observe(c.took.Seconds())
	if c.first > 0 {
		m.first.WithLabelValues(or(c.usage.model)).Observe(c.first.Seconds())
	}
}

func or(label string) string {
	if label == "" {
		return noLabel
	}
	return label
}

// desc describes one metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector. Nothing is announced: what there is depends on the calls.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// values are those of LiteLLM's labels; end_user is there for its dashboards and always empty, since anybody can make end users up.
func (l usageLabels) values(s *keyring.Snapshot) []string {
	return []string{noLabel, or(l.hash), or(l.alias), or(l.model), or(l.team), or(teamAlias(s, l.team)), or(l.user)}
}

func teamAlias(s *keyring.Snapshot, id string) string {
	if t := s.Team(id); t != nil {
		return t.Alias
	}
	return ""
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	snap := m.ring.Snapshot()
	m.mu.Lock()
	defer m.mu.Unlock()
	labels := []string{"end_user", "hashed_api_key", "api_key_alias", "model", "team", "team_alias", "user"}
	keys, teams := map[string]bool{}, map[string]bool{}
	for l, u := range m.used {
		values := l.values(snap)
		counter(ch, "litellm_spend_metric", "US dollars spent.", dollars(u.spend), labels, values)
		counter(ch, "litellm_total_tokens", "Tokens in and out.", float64(u.in+u.out), labels, values)
		counter(ch, "litellm_input_tokens", "Tokens in.", float64(u.in), labels, values)
		counter(ch, "litellm_output_tokens", "Tokens out.", float64(u.out), labels, values)
		keys[u.keyID], teams[l.team] = true, true
	}
	requests := []string{"end_user", "hashed_api_key", "api_key_alias", "requested_model", "team", "team_alias", "user", "status_code"}
	failures := append(requests[:7:7], "exception_status")
	for l, n := range m.calls {
		values := append(l.values(snap), l.code)
		counter(ch, "litellm_proxy_total_requests_metric", "Calls by their answer's status.", float64(*n), requests, values)
		if l.failed {
			counter(ch, "litellm_proxy_failed_requests_metric", "Calls that failed.", float64(*n), failures, values)
		}
	}
	for model, n := range m.unpriced {
		count(ch, "gatehouse_unpriced_requests_total", "Calls that cost nothing because their model has no known price.", float64(n), "model", or(model))
	}
	count(ch, "gatehouse_budget_overshoot_requests_total", "Calls that took a budget past its cap: the last ones of their windows.", float64(m.over))
	count(ch, "gatehouse_budget_overshoot_dollars_total", "US dollars by which they did.", dollars(m.overBy))
	m.remaining(ch, snap, keys, teams)
	m.state(ch, snap)
}

// count writes a count under its name alone.
func count(ch chan<- prometheus.Metric, name, help string, v float64, labelsAndValues ...string) {
	half := len(labelsAndValues) / 2
	ch <- prometheus.MustNewConstMetric(desc(name, help, labelsAndValues[:half]...), prometheus.CounterValue, v, labelsAndValues[half:]...)
}

// counter writes a count under LiteLLM's name and under the same with _total, as its Python client shows it.
func counter(ch chan<- prometheus.Metric, name, help string, v float64, labels, values []string) {
	ch <- prometheus.MustNewConstMetric(desc(name, help, labels...), prometheus.CounterValue, v, values...)
	ch <- prometheus.MustNewConstMetric(desc(name+"_total", help, labels...), prometheus.CounterValue, v, values...)
}

func gauge(ch chan<- prometheus.Metric, name, help string, v float64, labelsAndValues ...string) {
	half := len(labelsAndValues) / 2
	ch <- prometheus.MustNewConstMetric(desc(name, help, labelsAndValues[:half]...), prometheus.GaugeValue, v, labelsAndValues[half:]...)
}

func dollars(n models.Nano) float64 { return float64(n) / float64(models.USD) }

// remaining shows what the budgets of the keys and teams that have called still allow.
func (m *metrics) remaining(ch chan<- prometheus.Metric, snap *keyring.Snapshot, keys, teams map[string]bool) {
	for id := range teams {
		t := snap.Team(id)
		if t == nil {
			continue
		}
		if limit := snap.TeamLimits(t).MaxBudget; limit.Set {
			left := models.Nano(limit.N) - m.budget.State(models.ScopeTeam(id)).Spent
			gauge(ch, "litellm_remaining_team_budget_metric", "US dollars left of the team's budget.", dollars(left), "team", "team_alias", id, or(t.Alias))
		}
	}
	for id := range keys {
		g := snap.Grant(id)
		if id == "" || g == nil || g.Master {
			continue
		}
		if limit := snap.KeyLimits(g, m.now().UnixMicro()).MaxBudget; limit.Set {
			left := models.Nano(limit.N) - m.budget.State(models.ScopeKey(id)).Spent
			gauge(ch, "litellm_remaining_api_key_budget_metric", "US dollars left of the key's budget.", dollars(left),
				"hashed_api_key", "api_key_alias", g.HashHex(), or(g.Alias()))
		}
	}
}

// state shows the process itself and what it knows of the deployments.
func (m *metrics) state(ch chan<- prometheus.Metric, snap *keyring.Snapshot) {
	for _, d := range snap.Catalog().Deployments() {
		s, state := m.router.Status(d.ID), 0.0
		if s.Sick || s.CoolFor > 0 || d.Disabled != "" {
			state = 2
		}
		gauge(ch, "litellm_deployment_state", "0 = serves, 2 = is left alone for now.", state,
			"litellm_model_name", "model_id", "api_provider", d.ModelName, d.ID, d.Provider)
		gauge(ch, "gatehouse_deployment_in_flight", "Calls at the deployment now.", float64(s.InFlight), "model_id", d.ID)
	}
	up := 1.0
	if m.dbDown() {
		up = 0
	}
	gauge(ch, "gatehouse_database_up", "1 while the database answers.", up)
	gauge(ch, "gatehouse_keys", "Keys in memory.", float64(snap.Keys()))
	gauge(ch, "gatehouse_config_age_seconds", "Age of the configuration in memory where the database cannot be asked.", m.ring.Stale().Seconds())
	gauge(ch, "gatehouse_spend_backlog", "Finished calls that the database has not taken yet.", float64(m.ledger.Backlog()))
	count(ch, "gatehouse_metrics_lost_total", "Calls that are missing in the counts above.", float64(m.lost.Load()))
}

// Text is the page of /metrics.
func (m *metrics) Text() ([]byte, error) {
	families, err := m.gather.Gather()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
