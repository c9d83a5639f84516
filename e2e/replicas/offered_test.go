package replicas_test

import (
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/testkit"
)

// TestOfferedTooMuch is a key of 600 calls a minute that is offered 3,000 a minute over three replicas with Redis, for
// as long as a window lasts. The suite does it with a window of six seconds, 60 calls in it; GATEHOUSE_WHOLE_MINUTE=1
// takes the whole minute.
func TestOfferedTooMuch(t *testing.T) {
	t.Parallel()
	window, most := 6*time.Second, 60
	if os.Getenv("GATEHOUSE_WHOLE_MINUTE") != "" {
		window, most = time.Minute, 600
	}
	provider := testkit.NewProvider(t)
	all := fleet(t, 3, testkit.Options{
		Provider: provider, Redis: testkit.Redis(t), Env: map[string]string{"LITELLM_RATE_LIMIT_WINDOW_SIZE": strconv.Itoa(int(window.Seconds()))},
	})
	key := all[0].GenerateKey(t, map[string]any{"rpm_limit": most})
	waitKnown(t, all, key.Secret)
	const every = 20 * time.Millisecond // 3,000 a minute
	c := client(t)
	answers := make([]answer, 0, 3200)
	var mu sync.Mutex
	var group sync.WaitGroup
	tick := time.NewTicker(every)
	defer tick.Stop()
	began := time.Now()
	for i := 0; time.Since(began) < window-window/10; i++ { // a busy machine skips ticks; the window begins with the first call
		<-tick.C
		group.Go(func() {
			a := chat(t.Context(), c, all[i%3], key.Secret, nil)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, a)
		})
	}
	group.Wait()
	passed := count(answers, http.StatusOK)
	if passed < most-1 || passed > most+1 {
		t.Errorf("%d of %d offered went through, want %d: %v", passed, len(answers), most, statuses(answers))
	}
	for i := range answers {
		if a := &answers[i]; a.status != http.StatusOK && (a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "") {
			t.Fatalf("a refusal: %d %v %s", a.status, a.header, a.body)
		}
	}
	for i, s := range all {
		if strings.Contains(s.Log(), "redis does not answer") {
			t.Logf("replica %d was without redis for a while", i)
		}
	}
	t.Logf("offered %d in %s of a window of %s, admitted %d", len(answers), time.Since(began).Round(time.Millisecond), window, passed)
}
