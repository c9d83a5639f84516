package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"gatehouse/models"
	"gatehouse/models/store"
	"gatehouse/proxy"
)

// wordsKeeper carries what was asked and answered to the database, beside the ledger and never in its way: a call whose
// words could not be kept is booked all the same. Operators turn it on with store_prompts_in_spend_logs.
type wordsKeeper struct {
	store *store.Store
	log   *slog.Logger
	queue chan models.SpendBody
	held  atomic.Int64 // bytes in the queue
	lost  atomic.Int64 // calls whose words were dropped since the last line about it
}

const (
	wordsQueued = 4096     // calls that may wait
	wordsHeld   = 32 << 20 // bytes that may wait
	wordsBatch  = 64
	wordsTries  = 3
	wordsAtEnd  = 5 * time.Second
)

// keepWords gives the plane somewhere to put what was said.
func (p *process) keepWords(background context.Context, d *proxy.Deps) {
	k := &wordsKeeper{store: p.store, log: p.log, queue: make(chan models.SpendBody, wordsQueued)}
	d.Said = k.take
	p.goRun(background, "words of calls", func(ctx context.Context) error { k.run(ctx); return nil })
}

// take never blocks: what does not fit is dropped and counted.
func (k *wordsKeeper) take(s proxy.Said) {
	size := int64(len(s.Request) + len(s.Answer))
	if k.held.Add(size) > wordsHeld {
		k.held.Add(-size)
		k.lost.Add(1)
		return
	}
	body := models.SpendBody{ID: s.CallID, StartedAt: models.At(s.Start), Request: models.JSON(s.Request), Answer: models.JSON(s.Answer)}
	if s.OptedOut {
		body.Missing = models.WordsOptedOut
	}
	select {
	case k.queue <- body:
	default:
		k.held.Add(-size)
		k.lost.Add(1)
	}
}

// run writes until ctx ends, and then what is there already.
func (k *wordsKeeper) run(ctx context.Context) {
	batch := make([]models.SpendBody, 0, wordsBatch)
	for {
		select {
		case b := <-k.queue:
			batch = k.fill(append(batch[:0], b))
			k.write(ctx, batch)
			continue
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), wordsAtEnd)
		defer cancel()
		for batch = k.fill(batch[:0]); len(batch) > 0 && last.Err() == nil; batch = k.fill(batch[:0]) {
			k.write(last, batch)
		}
		return
	}
}

// fill takes what waits, up to a batch.
func (k *wordsKeeper) fill(batch []models.SpendBody) []models.SpendBody {
	for len(batch) < wordsBatch {
		select {
		case b := <-k.queue:
			batch = append(batch, b)
		default:
			return batch
		}
	}
	return batch
}

func (k *wordsKeeper) write(ctx context.Context, batch []models.SpendBody) {
	var err error
	for range wordsTries {
		// The background ends while a batch is on its way; the statement may still finish.
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), wordsAtEnd)
		err = k.store.WriteSpendBodies(within, batch)
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	for i := range batch {
		k.held.Add(-int64(len(batch[i].Request) + len(batch[i].Answer)))
	}
	if err != nil {
		k.lost.Add(int64(len(batch)))
	}
	if n := k.lost.Swap(0); n > 0 {
		k.log.Warn("prompts and answers of some calls were not kept; the calls are booked", slog.Int64("calls", n), slog.Any("error", err))
	}
}
