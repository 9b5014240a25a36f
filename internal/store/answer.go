package store

import (
	"context"
	"time"
)

// StoredAnswer returns what a principal's key was answered, and the hash of the
// body that was asked, unless its time is over. Held is until when a request
// that has no answer yet is under way; zero for one that is answered.
func (r reader) StoredAnswer(ctx context.Context, principal, key string, now time.Time) (asked, answer []byte, held time.Time, found bool, err error) {
	var until int64
	found, err = r.one(ctx, []any{&asked, &answer, &until}, "SELECT body_hash, answer, held_until FROM idempotency WHERE principal = ? AND key = ? AND expires_at > ?",
		principal, key, micros(now))
	return asked, answer, moment(until), found, err
}

// StoreAnswer keeps an answer. When the key was taken meanwhile it fails with
// kind Conflict, and the caller's transaction with it.
func (tx *Tx) StoreAnswer(ctx context.Context, principal, key string, asked, answer []byte, now, until time.Time) error {
	return tx.takeKey(ctx, principal, key, asked, answer, time.Time{}, now, until)
}

// HoldKey takes a key for a request that is yet to be carried out; it fails as
// StoreAnswer does.
func (tx *Tx) HoldKey(ctx context.Context, principal, key string, asked []byte, held, now, until time.Time) error {
	return tx.takeKey(ctx, principal, key, asked, []byte{}, held, now, until)
}

func (tx *Tx) takeKey(ctx context.Context, principal, key string, asked, answer []byte, held, now, until time.Time) error {
	if _, err := tx.exec(ctx, "DELETE FROM idempotency WHERE principal = ? AND key = ? AND expires_at <= ?", principal, key, micros(now)); err != nil {
		return err
	}
	_, err := tx.exec(ctx, "INSERT INTO idempotency (principal, key, body_hash, answer, held_until, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
		principal, key, blob(asked), blob(answer), micros(held), micros(until))
	return err
}

// AnswerHeld keeps the answer to the request that holds a key until then.
func (tx *Tx) AnswerHeld(ctx context.Context, principal, key string, held time.Time, answer []byte) error {
	_, err := tx.exec(ctx, "UPDATE idempotency SET answer = ?, held_until = 0 WHERE principal = ? AND key = ? AND held_until = ?",
		blob(answer), principal, key, micros(held))
	return err
}

// FreeKey lets go of the key that a request holds until then.
func (tx *Tx) FreeKey(ctx context.Context, principal, key string, held time.Time) error {
	_, err := tx.exec(ctx, "DELETE FROM idempotency WHERE principal = ? AND key = ? AND held_until = ?", principal, key, micros(held))
	return err
}
