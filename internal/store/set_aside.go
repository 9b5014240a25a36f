package store

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// SetAsides lists up to n of what was set aside, oldest first, from behind an id:
// without the bodies, but with their sizes.
func (r reader) SetAsides(ctx context.Context, after int64, n int) ([]usage.SetAside, error) {
	var out []usage.SetAside
	err := r.each(ctx, func(rows rowScanner) error {
		var s usage.SetAside
		var at int64
		err := rows.Scan(&s.ID, &at, &s.Why, &s.Size)
		s.At = moment(at)
		out = append(out, s)
		return err
	}, "SELECT id, at, why, length(body) FROM set_aside WHERE id > ? ORDER BY id LIMIT ?", after, n)
	return out, err
}

// TakeSetAside takes one out of what was set aside. Of two who take it at once,
// the second finds nothing, once the first is durable.
func (tx *Tx) TakeSetAside(ctx context.Context, id int64) (s usage.SetAside, found bool, err error) {
	var at int64
	found, err = tx.one(ctx, []any{&s.ID, &at, &s.Why, &s.Body}, "DELETE FROM set_aside WHERE id = ? RETURNING id, at, why, body", id)
	s.At, s.Size = moment(at), int64(len(s.Body))
	return s, found, err
}

// KeepAside gives what was set aside another reason, if it is still there.
func (tx *Tx) KeepAside(ctx context.Context, id int64, why string) error {
	_, err := tx.exec(ctx, "UPDATE set_aside SET why = ? WHERE id = ?", why, id)
	return err
}
