package store

import "context"

// routeChannel is where replicas tell each other how deployments are (Store.OnRouteNews).
const routeChannel = "gatehouse_route"

// TellRoute sends news of deployments to every replica that listens, this one included; at most 7,999 bytes. On SQLite there
// is nobody to tell. Errors: fault.Unavailable.
func (s *Store) TellRoute(ctx context.Context, news string) error {
	if !s.postgres {
		return nil
	}
	return fail("tell of deployments", s.feed.WithContext(ctx).Exec("SELECT pg_notify('"+routeChannel+"', ?)", news).Error)
}

// OnRouteNews registers who is told what TellRoute sends. Register before the first Watch. fn must not block. News is lost
// while nobody listens.
func (s *Store) OnRouteNews(fn func(news string)) { s.bell.on(routeChannel, fn) }
