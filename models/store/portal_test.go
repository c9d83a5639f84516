package store_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testkit"
	"gatehouse/models"
	"gatehouse/models/store"
)

func TestKeysNeedingAttention(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx, at := t.Context(), clock.Now()
		old := models.At(at.AddDate(0, 0, -90))
		change(t, s, func(tx *store.Store) error {
			must(t, tx.InsertBudget(ctx, &models.Budget{ID: "b", Limits: models.Limits{MaxBudget: ptr(10 * models.USD)}}))
			for id, adjust := range map[string]func(*models.Key){
				"1-over":      func(k *models.Key) { k.MaxBudget = ptr(models.USD) },
				"2-blocked":   func(k *models.Key) { k.Blocked = ptr(true) },
				"3-expired":   func(k *models.Key) { k.ExpiresAt = models.AtPtr(at.Add(-time.Hour)) },
				"4-expiring":  func(k *models.Key) { k.ExpiresAt = models.AtPtr(at.Add(24 * time.Hour)) },
				"5-near":      func(k *models.Key) { k.BudgetID = ptr("b") },
				"6-unused":    func(k *models.Key) { k.CreatedAt = old },
				"fine":        func(k *models.Key) { k.MaxBudget = ptr(100 * models.USD) },
				"free":        func(k *models.Key) { k.MaxBudget = ptr(models.Nano(0)) }, // for free models alone: never over
				"long-gone":   func(k *models.Key) { k.ExpiresAt, k.CreatedAt = models.AtPtr(at.AddDate(0, 0, -60)), old },
				"far":         func(k *models.Key) { k.ExpiresAt = models.AtPtr(at.AddDate(0, 0, 60)) },
				"ui-session":  func(k *models.Key) { k.Blocked, k.TeamID = ptr(true), ptr(models.UISessionTeam) },
				"2-b-foreign": func(k *models.Key) { k.Blocked, k.UserID = ptr(true), ptr("bo") },
			} {
				k := testKey(0)
				k.ID, k.Hash, k.UserID, k.CreatedAt = id, "hash-"+id, ptr("ana"), models.At(at)
				adjust(k)
				must(t, tx.InsertKey(ctx, k))
			}
			return nil
		})
		var batch []models.Spend
		for key, nano := range map[string]models.Nano{"1-over": 2 * models.USD, "5-near": 8 * models.USD, "fine": models.USD} {
			batch = append(batch, call("c-"+key, key, "ana", "", nano, at))
		}
		must(t, s.WriteSpend(ctx, batch))
		ask := store.Attention{
			Visible: store.Scope{UserID: "ana"}, Now: models.At(at), ExpireBefore: models.At(at.AddDate(0, 0, 7)), UnusedSince: models.At(at.AddDate(0, 0, -60)), NearShare: 80,
		}
		list := func(limit int) string {
			keys := got(s.KeysNeedingAttention(ctx, ask, limit))(t)
			ids := make([]string, len(keys))
			for i := range keys {
				ids[i] = keys[i].ID
			}
			return strings.Join(ids, " ")
		}
		same(t, "keys", list(20), "1-over 2-blocked 3-expired 4-expiring 5-near 6-unused")
		same(t, "the most pressing", list(2), "1-over 2-blocked")
		ask.Visible = store.Scope{}
		same(t, "keys of nobody", list(20), "")
		ask.Visible = store.Scope{All: true}
		same(t, "all keys", list(20), "1-over 2-b-foreign 2-blocked 3-expired 4-expiring 5-near 6-unused")
	})
}

func TestCallsByProvider(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx, at := t.Context(), clock.Now()
		fail := func(id, provider, code string, when time.Time) models.Spend {
			c := call(id, "k", "ana", "", 0, when)
			c.Row.Provider, c.Row.Status, c.Row.ErrorCode = provider, "failure", code
			return c
		}
		cancelled := call("07", "k", "ana", "", 0, at)
		cancelled.Row.Provider, cancelled.Row.Status = "x", "cancelled"
		ok := call("05", "k", "ana", "", 1, at)
		ok.Row.Provider = "x"
		foreign := call("06", "k", "bo", "", 1, at)
		foreign.Row.Provider = "x"
		must(t, s.WriteSpend(ctx, []models.Spend{
			fail("01", "x", "first", at.Add(-time.Minute)), fail("02", "x", "last", at), fail("03", "y", "other", at), fail("04", "", "refused here", at), ok, foreign, cancelled,
			fail("00", "x", "long ago", at.Add(-48*time.Hour)),
		}))
		own, since := store.Scope{UserID: "ana"}, models.At(at.Add(-24*time.Hour))
		calls, capped, err := s.CallsByProvider(ctx, own, since, 100)
		must(t, err)
		same(t, "capped", capped, false)
		same(t, "providers", len(calls), 3)
		same(t, "refused here", calls[0], store.ProviderCalls{Provider: "", Requests: 1, Failed: 1})
		same(t, "x", calls[1], store.ProviderCalls{Provider: "x", Requests: 4, Failed: 2})
		_, capped, err = s.CallsByProvider(ctx, own, since, 3)
		must(t, err)
		same(t, "capped", capped, true)

		rows := got(s.LastFailures(ctx, own, since))(t)
		same(t, "failures", len(rows), 2)
		codes := map[string]string{}
		for _, r := range rows {
			codes[r.Provider] = r.ErrorCode
		}
		same(t, "x's last", codes["x"], "last")
		same(t, "y's last", codes["y"], "other")
		same(t, "nobody's", len(got(s.LastFailures(ctx, store.Scope{}, since))(t)), 0)
	})
}

func TestInvitedUsers(t *testing.T) {
	on(t, func(t *testing.T, s *store.Store, clock *testkit.Clock) {
		ctx, at := t.Context(), clock.Now()
		change(t, s, func(tx *store.Store) error {
			for id, adjust := range map[string]func(*models.Invitation){
				"open": func(*models.Invitation) {}, "used": func(i *models.Invitation) { i.AcceptedAt = models.AtPtr(at) },
				"revoked": func(i *models.Invitation) { i.RevokedAt = models.AtPtr(at) }, "late": func(i *models.Invitation) { i.ExpiresAt = models.At(at) },
			} {
				must(t, tx.InsertUser(ctx, &models.User{ID: id, Role: models.RoleInternalUser}))
				inv := &models.Invitation{Hash: id, Prefix: id, UserID: id, ExpiresAt: models.At(at.Add(time.Hour))}
				adjust(inv)
				must(t, tx.InsertInvitation(ctx, inv))
			}
			again := &models.Invitation{Hash: "again", Prefix: "again", UserID: "open", ExpiresAt: models.At(at.Add(time.Hour))}
			return tx.InsertInvitation(ctx, again)
		})
		same(t, "invited", strings.Join(got(s.InvitedUsers(ctx))(t), " "), "open")
	})
}
