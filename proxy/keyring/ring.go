package keyring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/models"
)

// Source is where the configuration comes from.
type Source interface {
	// Changes streams, in one consistent read, every config row whose stamp is newer than since (0: every row) and every
	// deletion since then; it returns the sequence number the read stands at.
	Changes(ctx context.Context, since int64, sink models.ChangeSink) (seq int64, err error)
	// Watch returns when something newer than since may exist, or ctx ends.
	Watch(ctx context.Context, since int64) error
}

// awaitLimit is how long a service waits for its own change to be enforced here.
const awaitLimit = 2 * time.Second

// manyKeys is where giving the garbage of the first read back to the system is worth a garbage collection.
const manyKeys = 100_000

// Options are what a Ring is made of. Source, Decode and Now are needed.
type Options struct {
	Source Source
	// Decode makes a deployment of a stored row, opening its sealed secrets.
	Decode func(*models.DeploymentRow) (models.Deployment, error)
	Now    func() time.Time
	Log    *slog.Logger  // nil: silent
	Poll   time.Duration // how often to read without being woken; 0 = 2 s
}

// Ring holds the current Snapshot and keeps it current. Safe for concurrent use.
type Ring struct {
	opt   Options
	cur   atomic.Pointer[Snapshot]
	fresh atomic.Pointer[time.Time] // start of the last read that succeeded; nil before the first
	kick  chan struct{}             // holds one wish to read now

	writing sync.Mutex // one writer of cur at a time; held while the source is read
	mu      sync.Mutex // guards what follows; never held while waiting
	changed chan struct{}
	failing bool
}

// New makes an empty ring: Load it before it serves.
func New(opt Options) *Ring {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Poll <= 0 {
		opt.Poll = 2 * time.Second
	}
	r := &Ring{opt: opt, kick: make(chan struct{}, 1), changed: make(chan struct{})}
	r.cur.Store(&Snapshot{catalog: NewCatalog(nil, nil, nil)})
	return r
}

// Snapshot is the configuration now. One load of a pointer.
func (r *Ring) Snapshot() *Snapshot { return r.cur.Load() }

// Stale is how long ago the snapshot was known to be current; a day and more before the first load.
func (r *Ring) Stale() time.Duration {
	at := r.fresh.Load()
	if at == nil {
		return 24 * time.Hour
	}
	return max(0, r.opt.Now().Sub(*at))
}

// SetDeployments replaces the models of config.yaml, at start and when it is read again. It keeps the slice's elements.
func (r *Ring) SetDeployments(list []models.Deployment) {
	config := make([]*models.Deployment, len(list))
	for i := range list {
		config[i] = &list[i]
	}
	r.reshape(func(p *parts) { p.config = config })
}

// SetAliases replaces the proxy-wide aliases. It keeps the map.
func (r *Ring) SetAliases(aliases map[string]Alias) {
	r.reshape(func(p *parts) { p.aliases = aliases })
}

func (r *Ring) reshape(change func(*parts)) {
	r.writing.Lock()
	defer r.writing.Unlock()
	next := *r.cur.Load()
	change(&next.parts)
	next.catalog = next.parts.catalog()
	r.publish(&next)
}

// publish is called with writing held.
func (r *Ring) publish(s *Snapshot) {
	r.cur.Store(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Load reads what changed since the last read and publishes it; the first one reads everything. On an error the
// snapshot stands.
func (r *Ring) Load(ctx context.Context) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	began := r.opt.Now()
	cur := r.cur.Load()
	b := newBuild(cur, r.opt.Decode)
	seq, err := r.opt.Source.Changes(ctx, cur.seq, b)
	if err != nil {
		return fmt.Errorf("read configuration changes: %w", err)
	}
	if seq < cur.seq {
		// A replica that lags, or a restored backup. Serving it could bring a revoked key back, so what is known stands and
		// grows stale until the database has caught up or the process is started anew.
		return fmt.Errorf("the database stands at configuration %d, behind %d which is served", seq, cur.seq)
	}
	for _, e := range b.errs {
		r.opt.Log.ErrorContext(ctx, "a configuration row was left out", slog.Any("error", e))
	}
	if b.stale > 0 {
		r.opt.Log.WarnContext(ctx, "the change feed repeated old rows", slog.Int("rows", b.stale))
	}
	if seq > cur.seq || r.fresh.Load() == nil {
		r.publish(b.finish(seq))
	}
	r.fresh.Store(&began)
	if cur.seq == 0 && b.next.count > manyKeys {
		debug.FreeOSMemory() // reading a large table leaves as much garbage as it makes keys; once, before serving
	}
	return nil
}

// Run keeps the snapshot current until ctx ends. Call it once, after a Load that succeeded.
func (r *Ring) Run(ctx context.Context) error {
	const firstPause, longestPause = 50 * time.Millisecond, 2 * time.Second
	pause := firstPause
	for {
		err := r.watch(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if loadErr := r.Load(ctx); loadErr != nil {
			err = loadErr
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.report(ctx, err)
		if err == nil {
			pause = firstPause
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		case <-r.kick:
		}
		pause = min(2*pause, longestPause)
	}
}

// watch returns when there is a reason to read: the source says so, somebody waits for a change, or it is time. Reading
// at intervals also tells that the database still answers, which Stale is about.
func (r *Ring) watch(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, r.opt.Poll)
	kicked := make(chan struct{})
	go func() {
		defer close(kicked)
		select {
		case <-r.kick:
		case <-wait.Done():
		}
		cancel()
	}()
	err := r.opt.Source.Watch(wait, r.Snapshot().seq)
	ended := wait.Err() != nil
	cancel()
	<-kicked // a wish taken by this goroutine is met by the read that follows
	if err == nil || ended {
		return nil //nolint:nilerr // the wait was ended from here, which is no failure of the source
	}
	return fmt.Errorf("watch for configuration changes: %w", err)
}

// report logs the first failure of a row of them, and the recovery.
func (r *Ring) report(ctx context.Context, err error) {
	r.mu.Lock()
	was := r.failing
	r.failing = err != nil
	r.mu.Unlock()
	switch {
	case err != nil && !was && !errors.Is(err, context.Canceled):
		r.opt.Log.WarnContext(ctx, "configuration cannot be read, the last snapshot is served", slog.Any("error", err))
	case err == nil && was:
		r.opt.Log.InfoContext(ctx, "configuration is read again", slog.Int64("seq", r.Snapshot().seq))
	}
}

// Await returns when this process serves the configuration at seq, when ctx ends, or after 2 s.
func (r *Ring) Await(ctx context.Context, seq int64) {
	timer := time.NewTimer(awaitLimit)
	defer timer.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if r.Snapshot().seq >= seq {
			return
		}
		select {
		case r.kick <- struct{}{}:
		default: // a wish is waiting already
		}
		select {
		case <-changed:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
