// Command demo writes a history of calls for the keys of a database, for looking at the portal with something in it. The
// gateway must not run on it meanwhile. The same database gets the same history each time on the same day.
//
//	go run ./tools/demo sqlite:data/gatehouse.db
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"gatehouse/models"
	"gatehouse/models/store"
)

const days = 45

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo sqlite:PATH | postgres://…")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string) (err error) {
	db, err := store.Open(ctx, dsn, store.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, _, err := db.ListKeys(ctx, store.KeyFilter{Visible: store.Scope{All: true}}, store.Page{Number: 1, Size: 100})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a demonstration
	now := time.Now().UTC()
	var batch []models.Spend
	for i := range rows {
		k := &rows[i].Key
		if k.Blocked != nil && *k.Blocked {
			continue
		}
		busy := 6 + random.IntN(14)
		for back := range days {
			day := now.AddDate(0, 0, -back)
			calls := busy + random.IntN(busy)
			if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
				calls /= 3
			}
			for c := range calls {
				at := day.Add(-time.Duration(random.IntN(int(8 * time.Hour))))
				batch = append(batch, call(random, k, fmt.Sprintf("demo-%02d-%02d-%02d", i, back, c), at))
			}
		}
	}
	for len(batch) > 0 {
		n := min(500, len(batch))
		if _, err := db.BookSpend(ctx, batch[:n]); err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// call is one call of a key, cheap or dear, mostly good.
func call(random *rand.Rand, k *models.Key, id string, at time.Time) models.Spend {
	kinds := []struct {
		name, provider string
		in, out        models.Nano // a token
	}{
		{"gpt-5-mini", "openai", 250, 2000}, {"claude-sonnet-4-5", "anthropic", 3000, 15000}, {"gemini-2.5-flash", "gemini", 300, 2500}, {"text-embedding-3-small", "openai", 20, 0},
	}
	m := kinds[random.IntN(len(kinds))]
	in, out := 6_000+random.Int64N(130_000), random.Int64N(26_000)
	cached := in / 2 * random.Int64N(2)
	took := time.Duration(400+random.IntN(4000)) * time.Millisecond
	row := models.SpendRow{
		ID: id, CallType: "chat", KeyID: k.ID, KeyHash: k.Hash, ModelGroup: m.name, Model: m.name, Provider: m.provider, APIBase: "https://api." + m.provider + ".example",
		Spend: m.in*models.Nano(in-cached/2) + m.out*models.Nano(out), PromptTokens: in, OutputTokens: out, CacheRead: cached, Status: "success", HTTPStatus: 200,
		StartedAt: models.At(at), FirstByteAt: models.AtPtr(at.Add(took / 3)), EndedAt: models.At(at.Add(took)), IP: "203.0.113.9", Tags: models.Strings{[]string{"prod", "prod", "dev"}[random.IntN(3)]},
		Metadata: models.JSON("{}"), Lines: models.JSON("[]"),
	}
	switch random.IntN(40) {
	case 0:
		row.Status, row.HTTPStatus, row.ErrorCode, row.Spend, row.OutputTokens = "failure", 429, "rate_limit_exceeded", 0, 0
	case 1:
		row.Status, row.HTTPStatus, row.ErrorCode, row.Spend, row.OutputTokens = "failure", 502, "upstream_error", 0, 0
	case 2, 3:
		row.CacheHit, row.Saved, row.Spend = true, row.Spend, 0
	}
	if k.UserID != nil {
		row.UserID = *k.UserID
	}
	if k.TeamID != nil {
		row.TeamID = *k.TeamID
	}
	year, month, _ := time.Now().UTC().Date()
	if at.Before(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)) {
		return models.Spend{Row: row} // a budget that began this month holds nothing of what came before
	}
	scopes := []models.ScopeCharge{{Scope: models.ScopeKey(k.ID)}}
	if row.UserID != "" {
		scopes = append(scopes, models.ScopeCharge{Scope: models.ScopeUser(row.UserID)})
	}
	if row.TeamID != "" {
		scopes = append(scopes, models.ScopeCharge{Scope: models.ScopeTeam(row.TeamID)})
	}
	return models.Spend{Row: row, Scopes: scopes}
}
