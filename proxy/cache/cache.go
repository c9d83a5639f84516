// Package cache answers a question twice: it keeps whole answers of models by what was asked, inside a tenant, and gives
// them again until they are too old. Identical questions that are under way at once are asked once.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"time"

	"gatehouse/models"
	"gatehouse/proxy/breaker"
	"gatehouse/proxy/price"
	"gatehouse/proxy/provider"
)

// Key says what was asked, by whom and of what: a whole SHA-256.
type Key [sha256.Size]byte

// String is the key in hexadecimal digits, as headers and rows show it.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what String wrote.
func ParseKey(s string) (k Key, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(k) {
		return k, false
	}
	copy(k[:], b)
	return k, true
}

// Entry is one kept answer. It is shared: nothing in it is ever written.
type Entry struct {
	Op     provider.Op
	Stored time.Time
	TTL    time.Duration
	Body   []byte // the whole answer in the client's wire, not streamed

	// Who answered, and what it used: enough to price the answer at any later time.
	DeploymentID string
	Provider     string
	APIBase      string
	Pattern      string // the deployment's model as configured
	Model        string // what the provider was asked for
	Reply        string // the model that the answer named, when it was another
	Tier         string // service tier of the answer
	Usage        price.Usage
	Estimated    bool         // usage was counted here
	Cost         *models.Nano // what the provider itself said that it cost; nil: it says nothing
}

// Age is how old the entry is; never negative.
func (e *Entry) Age(now time.Time) time.Duration { return max(0, now.Sub(e.Stored)) }

// From says whether the answer came from this deployment as it is configured now.
func (e *Entry) From(d *models.Deployment) bool {
	return e.DeploymentID == d.ID && e.Provider == d.Provider && e.APIBase == d.APIBase && e.Pattern == d.Model
}

// overhead is what an entry costs beside its texts: the struct, the key, the cache's own node.
const overhead = 512

// size is about how many bytes of memory the entry takes.
func (e *Entry) size() int {
	return cap(e.Body) + len(e.DeploymentID) + len(e.Provider) + len(e.APIBase) + len(e.Pattern) + len(e.Model) + len(e.Reply) + len(e.Tier) + overhead
}

// Store is a place for entries. Memory and Redis are the two. Safe for concurrent use.
type Store interface {
	// Get gives the entry of a key; nil when there is none.
	Get(ctx context.Context, k Key) (*Entry, error)
	// Put keeps an entry for its TTL, or less when room is short.
	Put(ctx context.Context, k Key, e *Entry) error
	// Delete forgets keys and says how many were there.
	Delete(ctx context.Context, keys []Key) (int, error)
	// Flush forgets everything that Put has kept.
	Flush(ctx context.Context) error
	// Ping says whether the store answers.
	Ping(ctx context.Context) error
	// Kind is the word of the configuration: "local", "redis".
	Kind() string
	// Near says that Get costs no wait.
	Near() bool
}

// Timeout is how long a call waits for the store: a slow one counts as failed, and the call goes on without.
const Timeout = 50 * time.Millisecond

// Options are what a Cache is made of. Store and Now are needed.
type Options struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger // nil: silent
	// MaxAnswer is the largest body that is kept; 0 = 1 MiB.
	MaxAnswer int
	// Timeout is how long a call waits for the store; 0 = Timeout.
	Timeout time.Duration
}

// Cache is a store with what calls need around it: a breaker, and one flight a question. Safe for concurrent use.
type Cache struct {
	o       Options
	breaker breaker.Breaker
	flights flights
	memo    memo
}

// New makes a cache.
func New(o Options) *Cache {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = 1 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = Timeout
	}
	return &Cache{o: o, memo: memo{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}}
}

// MaxAnswer is the largest body that is kept.
func (c *Cache) MaxAnswer() int { return c.o.MaxAnswer }

// Store is the place that entries are kept in.
func (c *Cache) Store() Store { return c.o.Store }

// Near says that a look costs no wait.
func (c *Cache) Near() bool { return c.o.Store.Near() }

// Down says whether the store counts as gone.
func (c *Cache) Down() bool { return c.breaker.Open() }

// Get looks for an entry that is no older than it may be. ok is false when the store could not be asked: the call goes on
// without a cache.
func (c *Cache) Get(k Key) (e *Entry, ok bool) {
	now := c.o.Now()
	if !c.breaker.Try(now) {
		return nil, false
	}
	ctx, cancel := c.wait()
	defer cancel()
	e, err := c.o.Store.Get(ctx, k)
	c.report(err)
	if err != nil {
		return nil, false
	}
	if e != nil && e.Age(now) >= e.TTL {
		return nil, true
	}
	return e, true
}

// Put keeps an entry. It says whether the entry is kept.
func (c *Cache) Put(k Key, e *Entry) bool {
	if e.TTL <= 0 || len(e.Body) > c.o.MaxAnswer || !c.breaker.Try(c.o.Now()) {
		return false
	}
	ctx, cancel := c.wait()
	defer cancel()
	err := c.o.Store.Put(ctx, k, e)
	c.report(err)
	return err == nil
}

// wait bounds the wait for a store that may be slow.
func (c *Cache) wait() (context.Context, context.CancelFunc) {
	if c.o.Store.Near() {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), c.o.Timeout)
}

func (c *Cache) report(err error) {
	if c.o.Store.Near() || !c.breaker.Done(err == nil, c.o.Now()) {
		return
	}
	if err == nil {
		c.o.Log.Info("the response cache answers again")
		return
	}
	c.o.Log.Warn("the response cache does not answer, calls go on without it", slog.Any("error", err))
}
