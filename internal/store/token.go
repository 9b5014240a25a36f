package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// BearerOf finds who a live token speaks for, by the token's hash. It takes no
// sphere: it finds out whose sphere the caller has.
func (r reader) BearerOf(ctx context.Context, hash []byte, now time.Time) (b tenant.Bearer, found bool, err error) {
	var allow string
	var stopped, created, expires int64
	p := &b.Home
	err = r.each(ctx, func(rows rowScanner) error {
		found = true
		return scanMember(rows, &b.Member, &p.Parent, &p.Path, &p.Name, &p.Currency, &p.BillingDay, &p.Status, &allow, &p.Overdue, &stopped, &created, &expires)
	}, "SELECT "+memberColumns+`, p.parent, p.path, p.name, p.currency, p.billing_day, p.status, p.allow_list, p.overdue, p.no_activations,
		p.created_at, t.expires_at`+memberFrom+" JOIN token t ON t.account_id = a.id WHERE t.hash = ? AND t.expires_at > ?", hash, micros(now))
	if err != nil || !found {
		return b, false, err
	}
	p.ID, p.NoActivations, p.CreatedAt, b.Expires = b.Portfolio, stopped != 0, moment(created), moment(expires)
	p.AllowList, err = tenant.ParseAllowList(allow)
	return b, true, err
}

// Tokens lists the live tokens of an account, newest first.
func (r reader) Tokens(ctx context.Context, in tenant.Sphere, account string, now time.Time) ([]tenant.Token, error) {
	where, args := sphere("a.portfolio_no", in)
	var out []tenant.Token
	err := r.each(ctx, func(rows rowScanner) error {
		t := tenant.Token{Account: account}
		var from string
		var created, expires int64
		err := rows.Scan(&t.ID, &from, &created, &expires)
		t.From, _ = netip.ParseAddr(from) // the zero Addr when it could not be told
		t.CreatedAt, t.ExpiresAt = moment(created), moment(expires)
		out = append(out, t)
		return err
	}, `SELECT t.id, t.from_addr, t.created_at, t.expires_at FROM token t JOIN account a ON a.id = t.account_id
		WHERE t.account_id = ? AND t.expires_at > ? AND `+where+" ORDER BY t.id DESC", append([]any{account, micros(now)}, args...)...)
	return out, err
}

// AddToken stores a token and gives it its id, unless it has one.
func (tx *Tx) AddToken(ctx context.Context, t *tenant.Token) (err error) {
	if t.ID == 0 {
		if t.ID, err = tx.NextTokenID(ctx); err != nil {
			return err
		}
	}
	from := ""
	if t.From.IsValid() {
		from = t.From.String()
	}
	_, err = tx.exec(ctx, "INSERT INTO token (hash, id, account_id, from_addr, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
		t.Hash, t.ID, t.Account, from, micros(t.CreatedAt), micros(t.ExpiresAt))
	return err
}

// EndToken removes one token of an account, and says how many there were.
func (tx *Tx) EndToken(ctx context.Context, account string, id int64) (int64, error) {
	return tx.exec(ctx, "DELETE FROM token WHERE account_id = ? AND id = ?", account, id)
}

// EndTokens removes every token of an account, those that refresh it too, and
// says how many bearer tokens there were.
func (tx *Tx) EndTokens(ctx context.Context, account string) (int64, error) {
	if _, err := tx.exec(ctx, "DELETE FROM refresh_token WHERE account_id = ?", account); err != nil {
		return 0, err
	}
	return tx.exec(ctx, "DELETE FROM token WHERE account_id = ?", account)
}

// DropTokens removes up to n tokens whose time is over.
func (tx *Tx) DropTokens(ctx context.Context, now time.Time, n int) (int64, error) {
	tokens, err := tx.exec(ctx, "DELETE FROM token WHERE hash IN (SELECT hash FROM token WHERE expires_at <= ? LIMIT ?)", micros(now), n)
	if err != nil {
		return 0, err
	}
	refreshes, err := tx.exec(ctx, "DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires_at <= ? LIMIT ?)", micros(now), n)
	return max(tokens, refreshes), err
}
