package store

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// FeaturesOf returns what an API user may call on; it takes no sphere, as it is
// asked to find out who the caller is.
func (r reader) FeaturesOf(ctx context.Context, account string) (f tenant.Features, err error) {
	_, err = r.one(ctx, []any{&f}, "SELECT features FROM api_user WHERE account_id = ?", account)
	return f, err
}

// SaveFeatures stores what an API user may call on.
func (tx *Tx) SaveFeatures(ctx context.Context, account string, f tenant.Features) error {
	_, err := tx.exec(ctx, "INSERT INTO api_user (account_id, features) VALUES (?, ?) ON CONFLICT (account_id) DO UPDATE SET features = excluded.features",
		account, int64(f))
	return err
}

// LiveToken returns the newest live bearer token of an account.
func (r reader) LiveToken(ctx context.Context, account string, now time.Time) (t tenant.Token, found bool, err error) {
	var created, expires int64
	found, err = r.one(ctx, []any{&t.ID, &t.Hash, &created, &expires}, `SELECT id, hash, created_at, expires_at FROM token
		WHERE account_id = ? AND expires_at > ? ORDER BY id DESC LIMIT 1`, account, micros(now))
	t.Account, t.CreatedAt, t.ExpiresAt = account, moment(created), moment(expires)
	return t, found, err
}

// CapTokens ends the bearer tokens of an account at a time, those that would
// last beyond it.
func (tx *Tx) CapTokens(ctx context.Context, account string, until time.Time) error {
	_, err := tx.exec(ctx, "UPDATE token SET expires_at = ? WHERE account_id = ? AND expires_at > ?", micros(until), account, micros(until))
	return err
}

const refreshSelect = "SELECT hash, id, account_id, created_at, expires_at, used_at FROM refresh_token WHERE "

func (r reader) refresh(ctx context.Context, where string, args ...any) (t tenant.Refresh, found bool, err error) {
	var created, expires, used int64
	found, err = r.one(ctx, []any{&t.Hash, &t.ID, &t.Account, &created, &expires, &used}, refreshSelect+where, args...)
	t.CreatedAt, t.ExpiresAt, t.UsedAt = moment(created), moment(expires), moment(used)
	return t, found, err
}

// RefreshOf finds a live refresh token by its hash, exchanged or not.
func (r reader) RefreshOf(ctx context.Context, hash []byte, now time.Time) (tenant.Refresh, bool, error) {
	return r.refresh(ctx, "hash = ? AND expires_at > ?", hash, micros(now))
}

// LiveRefresh returns the newest live refresh token of an account that has not
// been exchanged.
func (r reader) LiveRefresh(ctx context.Context, account string, now time.Time) (tenant.Refresh, bool, error) {
	return r.refresh(ctx, "account_id = ? AND expires_at > ? AND used_at = 0 ORDER BY id DESC LIMIT 1", account, micros(now))
}

// NextTokenID returns an id for a token that is yet to be made.
func (tx *Tx) NextTokenID(ctx context.Context) (int64, error) {
	ids, err := tx.nextIDs(ctx, 1)
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// AddRefresh stores a refresh token.
func (tx *Tx) AddRefresh(ctx context.Context, t tenant.Refresh) error {
	_, err := tx.exec(ctx, "INSERT INTO refresh_token (hash, id, account_id, created_at, expires_at, used_at) VALUES (?, ?, ?, ?, ?, 0)",
		t.Hash, t.ID, t.Account, micros(t.CreatedAt), micros(t.ExpiresAt))
	return err
}

// UseRefreshes marks every refresh token of an account that is not exchanged as
// exchanged now.
func (tx *Tx) UseRefreshes(ctx context.Context, account string, now time.Time) error {
	_, err := tx.exec(ctx, "UPDATE refresh_token SET used_at = ? WHERE account_id = ? AND used_at = 0", micros(now), account)
	return err
}
