package budget

import (
	"math/bits"
	"sync"
)

// unknownOutput is what a model is expected to put out before it has been seen.
const unknownOutput = 1024

// Outputs knows how many tokens models put out: the running 90th percentile of each, which firm mode holds for a call
// that names no cap. It keeps counts in buckets a quarter of a doubling wide and halves them as they grow, so that the
// last few hundred calls decide. Safe for concurrent use.
type Outputs struct {
	mu     sync.Mutex
	models map[string]*outputs
}

type outputs struct {
	counts [outputBuckets]uint32
	sum    uint32
}

const (
	outputBuckets = 4 * 24 // up to 16 million tokens
	outputMemory  = 512    // calls after which older ones weigh half
)

// bucketOf gives the bucket of n tokens; bucketTop is its inverse, rounded up.
func bucketOf(n int64) int {
	if n < 1 {
		return 0
	}
	log := bits.Len64(uint64(n)) - 1
	quarter := 0
	if log >= 2 {
		quarter = int(n>>(log-2)) & 3
	}
	return min(4*log+quarter, outputBuckets-1)
}

func bucketTop(b int) int64 {
	log, quarter := b/4, int64(b%4)
	if log < 2 {
		return int64(1)<<(log+1) - 1
	}
	return (4+quarter+1)<<(log-2) - 1
}

// Observe tells how many tokens a call of the model put out.
func (o *Outputs) Observe(model string, tokens int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.models == nil {
		o.models = map[string]*outputs{}
	}
	m := o.models[model]
	if m == nil {
		m = &outputs{}
		o.models[model] = m
	}
	m.counts[bucketOf(tokens)]++
	m.sum++
	if m.sum < outputMemory {
		return
	}
	m.sum = 0
	for i := range m.counts {
		m.counts[i] /= 2
		m.sum += m.counts[i]
	}
}

// Expect is what a call of the model is expected to put out, in tokens; 1,024 for a model that has not been seen.
// limit is the client's own cap; 0: none.
func (o *Outputs) Expect(model string, limit int64) int64 {
	n := o.ninetieth(model)
	if limit > 0 {
		return min(n, limit)
	}
	return n
}

func (o *Outputs) ninetieth(model string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := o.models[model]
	if m == nil || m.sum == 0 {
		return unknownOutput
	}
	need := m.sum - m.sum/10
	for i, seen := 0, uint32(0); i < outputBuckets; i++ {
		if seen += m.counts[i]; seen >= need {
			return bucketTop(i)
		}
	}
	return unknownOutput
}
