package store

import "context"

// Serialize makes this transaction wait for every other change of configuration and keeps others waiting until it ends.
// Call it first in a Change that loads rows, judges them and writes them back whole: no other change can then fall
// between the load and the write. Every config write takes the same lock in its trigger, so nothing waits longer for it
// than it would have anyway, and no two changes can deadlock. SQLite has one writer and needs none of it.
func (s *Store) Serialize(ctx context.Context) error {
	if !s.postgres {
		return nil
	}
	var seq int64
	return fail("wait for other changes", s.write.WithContext(ctx).Raw("SELECT seq FROM config_seq FOR UPDATE").Find(&seq).Error)
}
